"""Logging in and one's own account."""

from django.urls import path

from . import reauthentication, views

app_name = "members"

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    # The admin's own login page knows neither the throttle's message nor what to say when the directory is away.
    path("admin/login/", views.admin_login, name="admin_login"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
    path("account/confirm/", reauthentication.confirm_password, name="confirm_password"),
    path("account/sessions/", views.sessions, name="sessions"),
    path("account/keys/", views.keys, name="keys"),
    path("account/language/", views.language, name="language"),
]
