import pytest

from cpr.errors import ConfigError
from cpr.packager.setup_script import SetupScript


@pytest.fixture
def script(tmp_path):
    def read(source):
        (tmp_path / "setup.py").write_text(source)
        return SetupScript(tmp_path)

    return read


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("from setuptools import setup\nsetup(version='0.1')", "0.1"),
        ("import setuptools\nsetuptools.setup(version='0.1')", "0.1"),
        ("from distutils.core import setup\nsetup(version='0.1')", "0.1"),
        ("import distutils.core\ndistutils.core.setup(version='0.1')", "0.1"),
        ("V = '0.1'\nsetup(version=V)", "0.1"),
        ("V: str = '0.1'\nsetup(version=V)", "0.1"),
        ("A = '0'\nB = A + '.' + '1'\nsetup(version=B)", "0.1"),
        ("MINOR = 1\nsetup(version=f'0.{MINOR}')", "0.1"),
        ("setup(version='0' '.1')", "0.1"),
        ("setup(version=0.1)", "0.1"),
        ("def main():\n    v = '0.1'\n    setup(version=v)\nmain()", "0.1"),
        ("if __name__ == '__main__':\n    setup(version='0.1')", "0.1"),
        ("setup(**{'version': '0.1'})", "0.1"),
        ("A = dict(version='0.1')\nsetup(**A)", "0.1"),
        ("setup(name='x')", ""),
        ("setup(version=None)", ""),
    ],
)
def test_reads_a_text(script, source, version):
    assert script(source).text("version") == version


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("setup(scripts=['a.py', 'b.py'])", ("a.py", "b.py")),
        ("setup(scripts=('a.py',))", ("a.py",)),
        ("R = ['a.py']\nsetup(scripts=R + ['b.py'])", ("a.py", "b.py")),
        ("setup(scripts=list(('a.py',)))", ("a.py",)),
        ("setup(scripts='''\n a.py\n b.py\n''')", ("a.py", "b.py")),
        ("setup()", ()),
    ],
)
def test_reads_a_list(script, source, expected):
    assert script(source).texts("scripts") == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("find_packages()", ()),
        ("find_packages('src')", ("a", "c", "a.b", "a.tests")),
        ("find_packages(where='src')", ("a", "c", "a.b", "a.tests")),
        ("setuptools.find_packages('src', exclude=['*.tests', 'c*'])", ("a", "a.b")),
        ("find_packages('src', ['a.*'])", ("a", "c")),
        ("find_packages('src', include=['a*'])", ("a", "a.b", "a.tests")),
        ("find_namespace_packages('src', include=['bare*'])", ("bare", "bare.deep")),
        ("find_packages('nowhere')", ()),
        ("find_packages('src') + ['more']", ("a", "c", "a.b", "a.tests", "more")),
    ],
)
def test_finds_packages_as_setuptools_does(script, tmp_path, call, expected):
    for name in ["a", "a/b", "a/tests", "c", "bare/deep", "not-a-name"]:
        (tmp_path / "src" / name).mkdir(parents=True, exist_ok=True)
        if name != "bare/deep":
            (tmp_path / "src" / name / "__init__.py").touch()
    assert script(f"setup(packages={call})").texts("packages") == expected


@pytest.mark.parametrize(
    "source",
    [
        "setup(\n  version=open('V').read())",
        "import v\nsetup(\n  version=v.__version__)",
        "V = '1'; V = '2'\nsetup(version=V)",
        "for V in ['1']: pass\nsetup(version=V)",
        "V = '1'; V += '2'\nsetup(version=V)",
        "V = V2\nsetup(version=V)",
        "V = V\nsetup(version=V)",
        "\nsetup(version='%d' % 1)",
        "\nsetup(version=__import__('os').system('touch ran'))",
        "def f():\n  return '1'\nsetup(version=f())",
        "A = 1\nsetup(version=f'{A:03d}')",
        "\nsetup(version=str(**{}))",
        "\nsetup(version='1' if 1 else '2')",
    ],
)
def test_what_only_running_would_tell_is_refused_with_its_line(script, tmp_path, source):
    read = script(source)
    with pytest.raises(ConfigError, match=r"setup\.py:[123]: version of setup\(\) is ") as caught:
        read.text("version")
    assert "version under [project] in cpr.toml" in caught.value.hint
    assert not (tmp_path / "ran").exists()


def test_a_keyword_that_is_not_asked_for_does_no_harm(script):
    assert script("setup(name='x', version=open('V').read())").text("name") == "x"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("print 'python 2'", r"setup\.py:1 is not Python 3"),
        ("x = '\0'", r"setup\.py.* is not Python 3"),
        ("pass", r"calls setup\(\) 0 times"),
        ("setup(); setup()", r"calls setup\(\) 2 times"),
        ("setup(**make())", r"setup\(\*\*make\(\)\) can only be known by running"),
    ],
    ids=["python-2", "nul", "no-call", "two-calls", "computed-keywords"],
)
def test_a_setup_py_that_cannot_be_read_is_refused(script, source, message):
    with pytest.raises(ConfigError, match=message):
        script(source)


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("name", "3", "a string"),
        ("scripts", "[1]", "a list of strings"),
        ("scripts", "{'a': 'b'}", "a list of strings"),
        ("package_dir", "['src']", "a mapping of strings"),
        ("package_dir", "{'': 1}", "a mapping of strings"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(script, keyword, value, expected):
    read = script(f"setup(\n{keyword}={value})")
    method = {"name": read.text, "scripts": read.texts, "package_dir": read.mapping}[keyword]
    with pytest.raises(ConfigError, match=rf"setup\.py:2: {keyword} .* expected {expected}"):
        method(keyword)


def test_a_project_without_setup_py_says_nothing(tmp_path):
    read = SetupScript(tmp_path)
    assert "name" not in read
    assert (read.text("name"), read.texts("scripts"), read.mapping("package_dir")) == ("", (), {})
