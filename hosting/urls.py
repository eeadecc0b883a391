"""Pages of hosting orders and their sites."""

from django.urls import path

from . import views

app_name = "hosting"
urlpatterns = [
    path("orders/", views.order_list, name="orders"),
    path("orders/<int:pk>/", views.order_detail, name="order"),
    path("orders/<int:pk>/sites/new/", views.site_create, name="create_site"),
    path("sites/<int:pk>/", views.site_detail, name="site"),
    path("sites/<int:pk>/now/", views.site_now, name="site_now"),
    path("sites/<int:pk>/edit/", views.site_edit, name="edit_site"),
    path("sites/<int:pk>/disable/", views.site_disable, name="disable_site"),
    path("sites/<int:pk>/enable/", views.site_enable, name="enable_site"),
    path("sites/<int:pk>/delete/", views.site_delete, name="delete_site"),
    path("sites/<int:pk>/restore/", views.site_restore, name="restore_site"),
]
