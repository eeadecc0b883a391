<?php
// A new connection for each request, as most PHP applications do. Answers "ok <n>" only once the row is stored.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
try {
    $given = json_decode(file_get_contents(__DIR__ . '/../files/database.json'), true);
    $db = mysqli_init();
    $db->ssl_set(null, null, '/etc/controlpanel/ca.pem', null, null);
    $db->options(MYSQLI_OPT_SSL_VERIFY_SERVER_CERT, true);
    $db->real_connect($given['host_name'], $given['name'], $given['password'], $given['name'], $given['port'], null, MYSQLI_CLIENT_SSL);
    switch ($_GET['do'] ?? '') {
        case 'make':
            $db->query('CREATE TABLE IF NOT EXISTS rows_written (n BIGINT PRIMARY KEY, t LONGTEXT) ENGINE=InnoDB');
            echo 'ok';
            break;
        case 'write':
            $query = $db->prepare('INSERT INTO rows_written VALUES (?, ?)');
            $n = (int) $_GET['n'];
            $text = str_repeat('x', (int) ($_GET['size'] ?? 10));
            $query->bind_param('is', $n, $text);
            $query->execute();
            echo "ok $n";
            break;
        case 'fill':
            $first = (int) $_GET['first'];
            for ($i = 0; $i < (int) $_GET['rows']; $i += 100) {
                $values = [];
                for ($k = $i; $k < min($i + 100, (int) $_GET['rows']); $k++) {
                    $values[] = '(' . ($first + $k) . ",'" . bin2hex(random_bytes((int) ($_GET['size'] / 2))) . "')";
                }
                $db->query('INSERT INTO rows_written VALUES ' . implode(',', $values));
            }
            echo 'ok';
            break;
        case 'empty':
            $db->query('DELETE FROM rows_written');
            echo 'ok';
            break;
        case 'list':
            foreach ($db->query('SELECT n FROM rows_written WHERE n < 1000000000000000 ORDER BY n') as $row) { echo $row['n'], "\n"; }
            break;
        case 'tls':
            echo $db->query("SHOW STATUS LIKE 'Ssl_version'")->fetch_row()[1];
            break;
    }
} catch (Throwable $error) {
    http_response_code(500);
    echo get_class($error), ': ', $error->getMessage();
}
