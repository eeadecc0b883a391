"""Logging in and one's own account."""

from django.urls import path

from . import confirm_views, factor_views, link_views, people_views, session_views, views

app_name = "members"

urlpatterns = [
    path("login/", views.login, name="login"),
    path("login/second/", factor_views.second_step, name="second_step"),
    path("logout/", views.logout, name="logout"),
    # The admin's own login page knows neither the throttle's message nor what to say when the directory is away.
    path("admin/login/", views.admin_login, name="admin_login"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
    path("account/confirm/", confirm_views.confirm_password, name="confirm_password"),
    path("account/sessions/", session_views.own_sessions, name="sessions"),
    path("account/sessions/<int:pk>/end/", session_views.end_session, name="end_session"),
    path("account/support/stop/", session_views.stop_impersonation, name="stop_impersonation"),
    path("account/keys/", views.keys, name="keys"),
    path("account/second-factor/", factor_views.overview, name="factors"),
    path("account/second-factor/app/", factor_views.app, name="add_app"),
    path("account/second-factor/key/", factor_views.key, name="add_key"),
    path("account/second-factor/codes/", factor_views.codes, name="recovery_codes"),
    path("account/second-factor/codes/new/", factor_views.new_codes, name="new_codes"),
    path("account/second-factor/<int:pk>/remove/", factor_views.remove, name="remove_factor"),
    path("account/language/", views.language, name="language"),
    path("invitation/", link_views.invitation, name="invitation"),
    path("password/forgotten/", link_views.forgotten, name="forgotten_password"),
    path("password/new/", link_views.new_password, name="new_password"),
    path("people/", people_views.members, name="members"),
    path("members/<int:pk>/people/", people_views.people, name="people"),
    path("members/<int:pk>/people/invite/", people_views.invite, name="invite"),
    path("members/<int:pk>/people/<int:login_pk>/", people_views.person, name="person"),
    path("members/<int:pk>/people/<int:login_pk>/switch/", people_views.switch, name="switch_login"),
    path(
        "members/<int:pk>/invitations/<int:invitation_pk>/resend/",
        people_views.resend_invitation,
        name="resend_invitation",
    ),
    path(
        "members/<int:pk>/invitations/<int:invitation_pk>/withdraw/",
        people_views.withdraw_invitation,
        name="withdraw_invitation",
    ),
]
