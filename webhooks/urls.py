"""Pages of webhooks."""

from django.urls import path, re_path

from . import views

app_name = "webhooks"
urlpatterns = [
    path("", views.webhook_list, name="webhooks"),
    path("new/", views.webhook_create, name="create"),
    path("<int:pk>/", views.webhook_detail, name="webhook"),
    path("<int:pk>/edit/", views.webhook_edit, name="edit"),
    path("<int:pk>/deliveries/<int:delivery_pk>/again/", views.delivery_again, name="again"),
    re_path(r"^(?P<pk>[0-9]{1,18})/(?P<deed>test|rotate|on|off|remove)/$", views.webhook_do, name="do"),
]
