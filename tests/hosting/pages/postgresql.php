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
        case 'empty':
            must(@pg_query($db, 'DELETE FROM rows_written'));
            echo 'ok';
            break;
        case 'list':
            foreach (must(@pg_fetch_all(must(@pg_query($db, 'SELECT n FROM rows_written ORDER BY n')))) as $row) { echo $row['n'], "\n"; }
            break;
        case 'tls':
            echo pg_fetch_row(must(@pg_query($db, 'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')))[0];
            break;
    }
} catch (Throwable $error) {
    http_response_code(500);
    echo get_class($error), ': ', $error->getMessage();
}
