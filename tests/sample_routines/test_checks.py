"""Nothing is wrong with the samples."""

import pytest

from cpr.checks.run import check_routine
from cpr.replay.requests import read_requests


@pytest.mark.parametrize("name", ["iris", "wine", "census", "reviews"])
def test_a_working_sample_has_no_findings(name, request):
    project = request.getfixturevalue(name)
    bodies = [item.body for item in read_requests(str(project / "requests"))]
    report = check_routine(str(project), str(project / "model"), requests=bodies)
    assert report.findings == ()
    assert report.skipped == {}
    assert report.batchable
