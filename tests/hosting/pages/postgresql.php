<?php
// A new connection for each request, as most PHP applications do. Answers "ok <n>" only once the row is stored.
function must($value) {
    if ($value === false) { throw new RuntimeException(error_get_last()['message'] ?? 'failed'); }
    return $value;
}
try {
    $given = json_decode(file_get_contents(__DIR__ . '/../files/database.json'), true);
    $db = must(@pg_connect("host={$given['host_name']} port={$given['port']} dbname={$given['name']} user={$given['name']}"
        . " password={$given['password']} sslmode=verify-full sslrootcert=/etc/controlpanel/ca.pem", PGSQL_CONNECT_FORCE_NEW));
    switch ($_GET['do'] ?? '') {
        case 'make':
            must(@pg_query($db, 'CREATE TABLE IF NOT EXISTS rows_written (n BIGINT PRIMARY KEY, t TEXT)'));
            echo 'ok';
            break;
        case 'write':
            $n = (int) $_GET['n'];
            must(@pg_query_params($db, 'INSERT INTO rows_written VALUES ($1, $2)', [$n, str_repeat('x', (int) ($_GET['size'] ?? 10))]));
            echo "ok $n";
            break;
        case 'fill':
            $first = (int) $_GET['first'];
            for ($i = 0; $i < (int) $_GET['rows']; $i += 100) {
                $values = [];
                for ($k = $i; $k < min($i + 100, (int) $_GET['rows']); $k++) {
                    $values[] = '(' . ($first + $k) . ",'" . bin2hex(random_bytes((int) ($_GET['size'] / 2))) . "')";
                }
                must(@pg_query($db, 'INSERT INTO rows_written VALUES ' . implode(',', $values)));
            }
            echo 'ok';
            break;
        case 'empty':
            must(@pg_query($db, 'DELETE FROM rows_written'));
            echo 'ok';
            break;
        case 'list':
            foreach (must(@pg_fetch_all(must(@pg_query($db, 'SELECT n FROM rows_written WHERE n < 1000000000000000 ORDER BY n')))) as $row) { echo $row['n'], "\n"; }
            break;
    }
} catch (Throwable $error) {
    http_response_code(500);
    echo get_class($error), ': ', $error->getMessage();
}
