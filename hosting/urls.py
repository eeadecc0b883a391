"""Pages of hosting orders and their sites."""

from django.urls import path

from .views import applications, database_dumps, databases, files, logs, orders, php, quarantine, shields, sites

app_name = "hosting"
urlpatterns = [
    path("orders/", orders.order_list, name="orders"),
    path("orders/<int:pk>/", orders.order_detail, name="order"),
    path("orders/<int:pk>/sites/new/", sites.site_create, name="create_site"),
    path("orders/<int:pk>/databases/new/", databases.database_create, name="create_database"),
    path("databases/<int:pk>/", databases.database_detail, name="database"),
    path("databases/<int:pk>/now/", databases.database_now, name="database_now"),
    path("databases/<int:pk>/users/new/", databases.database_add_user, name="add_database_user"),
    path("databases/<int:pk>/users/<slug:user>/rotate/", databases.database_rotate, name="rotate_database"),
    path("databases/<int:pk>/users/<slug:user>/remove/", databases.database_remove_user, name="remove_database_user"),
    path("databases/<int:pk>/dump/", database_dumps.database_dump, name="dump_database"),
    path("databases/<int:pk>/dumps/<int:dump>/", database_dumps.database_dump_download, name="database_dump"),
    path("databases/<int:pk>/dumps/<int:dump>/return/", database_dumps.database_return, name="return_database"),
    path("databases/<int:pk>/delete/", databases.database_delete, name="delete_database"),
    path("databases/<int:pk>/restore/", databases.database_restore, name="restore_database"),
    path("sites/<int:pk>/", sites.site_detail, name="site"),
    path("sites/<int:pk>/now/", sites.site_now, name="site_now"),
    path("sites/<int:pk>/edit/", sites.site_edit, name="edit_site"),
    path("sites/<int:pk>/php/", php.php_settings, name="php_settings"),
    path("sites/<int:pk>/wordpress/password/", applications.new_password, name="wordpress_password"),
    path("sites/<int:pk>/logs/", logs.site_logs_page, name="site_logs"),
    path("sites/<int:pk>/logs/lines/", logs.site_log_lines, name="site_log_lines"),
    path("sites/<int:pk>/logs/download/", logs.site_log_download, name="site_log_download"),
    path("sites/<int:pk>/shield/", shields.shield_values, name="shield"),
    path("sites/<int:pk>/shield/level/", shields.shield_level, name="shield_level"),
    path("sites/<int:pk>/shield/decline/", shields.decline_suggestion, name="decline_suggestion"),
    path("sites/<int:pk>/shield/traffic/", shields.site_traffic, name="site_traffic"),
    path("sites/<int:pk>/maintenance/begin/", shields.begin_maintenance, name="begin_maintenance"),
    path("sites/<int:pk>/maintenance/end/", shields.end_maintenance, name="end_maintenance"),
    path("sites/<int:pk>/disable/", sites.site_disable, name="disable_site"),
    path("sites/<int:pk>/enable/", sites.site_enable, name="enable_site"),
    path("sites/<int:pk>/quarantine/", quarantine.site_quarantine, name="quarantine_site"),
    path("sites/<int:pk>/release/", quarantine.site_release, name="release_site"),
    path("sites/<int:pk>/room/open/", quarantine.room_open, name="open_room"),
    path("sites/<int:pk>/room/close/", quarantine.room_close, name="close_room"),
    path("sites/<int:pk>/evidence/", quarantine.site_evidence, name="evidence"),
    path("sites/<int:pk>/evidence/<int:evidence_pk>/", quarantine.evidence_download, name="evidence_download"),
    path("sites/<int:pk>/snapshots/take/", files.snapshot_take, name="take_snapshot"),
    path("sites/<int:pk>/snapshots/<int:snapshot_pk>/", files.site_changes, name="site_changes"),
    path("sites/<int:pk>/delete/", sites.site_delete, name="delete_site"),
    path("sites/<int:pk>/restore/", sites.site_restore, name="restore_site"),
]
