"""Logging in and one's own account."""

from django.urls import path

from . import link_views, people_views, reauthentication, views

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
    path("account/tokens/", views.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", views.revoke_token, name="revoke_token"),
    path("account/keys/", views.keys, name="keys"),
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
