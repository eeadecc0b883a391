"""Pages of hosting orders and their sites."""

from django.urls import path

from .views import logs, orders, php, sites

app_name = "hosting"
urlpatterns = [
    path("orders/", orders.order_list, name="orders"),
    path("orders/<int:pk>/", orders.order_detail, name="order"),
    path("orders/<int:pk>/sites/new/", sites.site_create, name="create_site"),
    path("sites/<int:pk>/", sites.site_detail, name="site"),
    path("sites/<int:pk>/now/", sites.site_now, name="site_now"),
    path("sites/<int:pk>/edit/", sites.site_edit, name="edit_site"),
    path("sites/<int:pk>/php/", php.php_settings, name="php_settings"),
    path("sites/<int:pk>/logs/", logs.site_logs_page, name="site_logs"),
    path("sites/<int:pk>/logs/lines/", logs.site_log_lines, name="site_log_lines"),
    path("sites/<int:pk>/logs/download/", logs.site_log_download, name="site_log_download"),
    path("sites/<int:pk>/disable/", sites.site_disable, name="disable_site"),
    path("sites/<int:pk>/enable/", sites.site_enable, name="enable_site"),
    path("sites/<int:pk>/delete/", sites.site_delete, name="delete_site"),
    path("sites/<int:pk>/restore/", sites.site_restore, name="restore_site"),
]
