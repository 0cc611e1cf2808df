"""Let the real Django packages issue keys, and print their database rows beside the keys.

Run in an environment with `requirements.txt` installed. Prints one JSON document:

    {"drf-api-key": [{"row": {...}, "key": "...", "works": true}, ...],
     "knox": [...],
     "drf-api-key-refused": [...]}

`row` is the row with its own column names, as `QuerySet.values()` and Django's JSON encoder give
it; `key` is what the package gave its holder; `works` is what the package itself says of the key.
The rows under `drf-api-key-refused` are hashed as versions before 3 did: good for the package,
and not importable.

The tests of the crate read rows that ship with it (`core/testdata/foreign_rows.json`), and beside
them those of the file that `KEYFOB_INTEROP_ROWS` names:

    python make_rows.py > /tmp/rows.json
    KEYFOB_INTEROP_ROWS=/tmp/rows.json cargo test -p keyfob foreign
"""

import json
import sys
from datetime import timedelta

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not used for anything",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework_api_key",
        "knox",
    ],
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.serializers.json import DjangoJSONEncoder  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.utils import timezone  # noqa: E402
from knox.auth import TokenAuthentication  # noqa: E402
from knox.models import AuthToken  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402

# Far enough that kept rows mean the same whenever, and by whatever clock, they are read.
DECADES = timedelta(days=365 * 50)


def row_of(model, pk):
    return model.objects.filter(pk=pk).values().get()


def drf_keys():
    now = timezone.now()
    for fields in (
        {"name": "deploy"},
        {"name": "clé de démonstration, \"quoted\" \\ and with 50 characters"[:50]},
        {"name": "for decades", "expiry_date": now + DECADES},
        {"name": "expired", "expiry_date": now - DECADES},
        {"name": "revoked", "revoked": True},
    ):
        instance, key = APIKey.objects.create_key(**fields)
        # The row first: asking may change it.
        row = row_of(APIKey, instance.pk)
        yield {"row": row, "key": key, "works": APIKey.objects.is_valid(key)}


def drf_keys_of_old():
    for hasher in ("pbkdf2_sha256", "pbkdf2_sha1", "scrypt"):
        instance, key = APIKey.objects.create_key(name=hasher)
        instance.hashed_key = make_password(key, hasher=hasher)
        instance.save()
        row = row_of(APIKey, instance.pk)
        yield {"row": row, "key": key, "works": APIKey.objects.is_valid(key)}


def knox_works(key):
    try:
        TokenAuthentication().authenticate_credentials(key.encode())
    except AuthenticationFailed:
        return False
    return True


def knox_key(username, **arguments):
    # A user each: asking deletes the expired tokens of the same user.
    user = get_user_model().objects.create_user(username)
    instance, key = AuthToken.objects.create(user=user, **arguments)
    row = row_of(AuthToken, instance.pk)
    return {"row": row, "key": key, "works": knox_works(key)}


def knox_keys():
    yield knox_key("decades", expiry=DECADES)
    yield knox_key("forever", expiry=None)
    yield knox_key("expired", expiry=-DECADES)
    with override_settings(REST_KNOX={"TOKEN_PREFIX": "acme_Prod-"}):
        yield knox_key("prefixed", expiry=None)
    with override_settings(REST_KNOX={"SECURE_HASH_ALGORITHM": "hashlib.sha256"}):
        yield knox_key("sha256", expiry=None)


def main():
    call_command("migrate", verbosity=0)
    rows = {
        "drf-api-key": list(drf_keys()),
        "knox": list(knox_keys()),
        "drf-api-key-refused": list(drf_keys_of_old()),
    }
    json.dump(rows, sys.stdout, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
