"""What a front knows of the models, and what it tells of them."""

import pytest

from cpr.server.front_table import Table
from cpr.wire.routes import Route

MESSAGE = {
    "models": {
        "iris": {
            "default": "2",
            "versions": {
                "1": {"state": "ready", "generation": 1, "description": {"name": "m.A"}},
                "2": {"state": "ready", "generation": 2},
                "3": {
                    "state": "failed",
                    "generation": 3,
                    "problem": "/home/someone/secret/model.pkl is damaged",
                },
            },
        }
    },
    "workers_expected": 2,
    "last_reload": {"result": "failed", "problem": "No such file: /srv/models/3/model.pkl"},
}


@pytest.fixture
def table():
    table = Table()
    table.update(MESSAGE)
    return table


@pytest.mark.parametrize(
    "route",
    [
        Route("vertex"),
        Route("aiplatform", "iris"),
        Route("aiplatform", "iris", "1"),
        Route("tfserving", "iris", "2"),
    ],
    ids=["default", "model", "version", "default-version"],
)
def test_what_is_served_is_known(table, route):
    assert table.unknown(route) == ""


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (Route("aiplatform", "iriss"), "no model 'iriss' here; served is iris. Did you mean"),
        (Route("aiplatform", "iris", "9"), "no version '9'; served are: 1, 2."),
        (Route("aiplatform", "iris", "3"), "no version '3'; served are: 1, 2."),
        (Route("tfserving", "iris", label="stable"), "no version labelled 'stable'."),
    ],
    ids=["model", "version", "failed-version", "label"],
)
def test_what_is_not_served_is_named(table, route, said):
    assert said in table.unknown(route)


def test_before_the_supervisor_has_spoken_everything_may_come():
    assert Table().unknown(Route("aiplatform", "anything", "1")) == ""


def test_the_details_count_workers_and_hide_descriptions_and_folders(table):
    details = table.details({"1": 1, "2": 4})

    versions = details["models"]["iris"]["versions"]
    assert versions["2"] == {"state": "ready", "generation": 2, "workers": 4}
    assert versions["1"] == {"state": "ready", "generation": 1, "workers": 1}
    assert versions["3"]["problem"] == "…/model.pkl is damaged"
    assert details["last_reload"]["problem"] == "No such file: …/model.pkl"
    assert "/home" not in str(details)
    assert "/srv" not in str(details)
