"""django-ninja: an `auth` for an API, a router or an operation.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    gunicorn ninja_app:app --workers 4
"""

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["keyfob.django"],
    KEYFOB={"PATH": "keys.redb"},
)

from django.core.wsgi import get_wsgi_application
from django.urls import path
from keyfob.django.ninja import KeyAuth, KeyRequest, answer_refusals
from ninja import NinjaAPI

api = NinjaAPI(auth=KeyAuth())
answer_refusals(api)


@api.get("/orders", auth=KeyAuth("orders:read"))
def orders(request: KeyRequest) -> dict[str, str]:
    return {"key": request.auth.id}


urlpatterns = [path("", api.urls)]
app = get_wsgi_application()
