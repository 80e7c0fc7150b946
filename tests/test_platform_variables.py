"""What platforms put into the environment and is not heeded is refused, not ignored."""

import pytest

from cpr.errors import ConfigError
from cpr.platform_variables import server_variables


@pytest.mark.parametrize("name", ["", "PredictionHandler"], ids=["none", "Vertex AI's own"])
def test_the_usual_handler_changes_nothing(name):
    module = "google.cloud.aiplatform.prediction.handler"
    assert server_variables({"HANDLER_MODULE": module, "HANDLER_CLASS": name}) == {}


def test_a_handler_of_ones_own_is_refused():
    with pytest.raises(ConfigError, match="handler 'Mine' of HANDLER_CLASS would not be called"):
        server_variables({"HANDLER_MODULE": "handlers", "HANDLER_CLASS": "Mine"})
