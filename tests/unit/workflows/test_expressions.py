"""Expressions: what `${...}` reads, as what type, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workflows.errors import ExpressionError
from workflows.expressions import Template, escape, replace_expressions
from workflows.jsonpaths import ANY_ROOT

CONTEXT: dict[str, Any] = {
    "workflow": {
        "input": {
            "one": 1,
            "name": "Ada",
            "key": "one",
            "no": False,
            "nothing": None,
            "list": [1, 2, {"x": 3}],
            "map": {"with space": True, "it's": 1, "a": {"b": 2}},
        },
        "workflowId": "w-1",
        "variables": {"ref": "reserve"},
    },
    "reserve": {
        "output": {
            "items": [
                {"sku": "a", "n": 1, "in-stock": True},
                {"sku": "b", "n": 5, "in-stock": False},
                {"sku": "c", "n": 9, "in-stock": True},
            ],
            "price": 2.5,
        },
        "status": "COMPLETED",
    },
    "my-ref": {"output": {"some-key": "dashed"}},
    "two words": {"output": {"x": "spaced"}},
    "CPEWF_TASK_ID": "task-1",
}


def resolve(value: Any, context: dict[str, Any] = CONTEXT) -> Any:
    return Template.compile(value).resolve(context)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("${workflow.input.one}", 1),
        ("${workflow.input.name}", "Ada"),
        ("${workflow.input.no}", False),
        ("${workflow.input.nothing}", None),
        ("${workflow.input.map.a}", {"b": 2}),
        ("${workflow.input.list}", [1, 2, {"x": 3}]),
        ("${workflow.input.list[0]}", 1),
        ("${workflow.input.list[-1].x}", 3),
        ("${workflow.input.map['with space']}", True),
        ('${workflow.input["map"]["a"].b}', 2),
        (r"${workflow.input.map['it\'s']}", 1),
        ("${ workflow.input.one }", 1),
        ("${$.workflow.input.one}", 1),
        ("${my-ref.output.some-key}", "dashed"),
        ("${two words.output.x}", "spaced"),
        ("${reserve.status}", "COMPLETED"),
        ("${CPEWF_TASK_ID}", "task-1"),
    ],
)
def test_a_string_that_is_one_expression_keeps_the_type(expression: str, value: Any) -> None:
    resolved = resolve(expression)

    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    "expression",
    [
        "${nobody.output.x}",
        "${workflow.input.gone}",
        "${workflow.input.one.deeper}",
        "${workflow.input.list[9]}",
        "${workflow.input.list.x}",
        "${workflow.input.name[0]}",
        "${workflow.input.map[0]}",
        "${workflow.input.list['0']}",
        "${reserve.output.price.length()}",
        "${workflow.input.name.max()}",
        "${workflow.input.list[0].keys()}",
    ],
)
def test_what_does_not_exist_is_null(expression: str) -> None:
    assert resolve(expression) is None
    assert resolve(f"<{expression}>") == "<null>"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id ${workflow.input.one}!", "id 1!"),
        ("${workflow.input.name}${workflow.input.name}", "AdaAda"),
        ("${workflow.input.no} ${workflow.input.nothing}", "false null"),
        ("${reserve.output.price} EUR", "2.5 EUR"),
        (" ${workflow.input.map.a}", ' {"b":2}'),
        ("${workflow.input.list}.", '[1,2,{"x":3}].'),
    ],
)
def test_in_a_longer_string_values_become_text(text: str, value: str) -> None:
    assert resolve(text) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("items[*].sku", ["a", "b", "c"]),
        ("items[0:2].n", [1, 5]),
        ("items[0,2].n", [1, 9]),
        ("items[?(@.n > 1)].sku", ["b", "c"]),
        ("items[?(@.n > 1 && @['in-stock'] == true)].sku", ["c"]),
        ("items[?(@.n > $.workflow.input.one)].sku", ["b", "c"]),
        ("items[?(@.sku =~ /[ab]/)].n", [1, 5]),
        ("items[?(@.sku == '}')].n", []),
        ("..n", [1, 5, 9]),
        ("..['in-stock']", [True, False, True]),
        (".gone[*]", []),
        ("*", [CONTEXT["reserve"]["output"]["items"], 2.5]),
        ("items.length()", 3),
        ("items[*].n.sum()", 15),
        ("items[*].n.min()", 1),
        ("items[*].n.max()", 9),
        ("items[*].n.avg()", 5.0),
        ("items[0].keys()", ["sku", "n", "in-stock"]),
        ("items[*].sku.first()", "a"),
        ("items[*].sku.last()", "c"),
    ],
)
def test_jsonpath_beyond_names_and_indexes_is_understood(path: str, value: Any) -> None:
    expression = f"${{reserve.output{'' if path.startswith('.') else '.'}{path}}}"

    assert resolve(expression) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$${workflow.input.one}", "${workflow.input.one}"),
        ("a $${x} ${workflow.input.one} $${y}", "a ${x} 1 ${y}"),
        ("$$${x}", "$${x}"),
        ("$${a ${workflow.input.one}}", "${a 1}"),
        ("${}", ""),
        ("${  }", ""),
        ("<${}>", "<>"),
        ("${workflow.input.one", "${workflow.input.one"),
        ("${open and ${workflow.input.one}", "${open and 1"),
        ("} $ { ${", "} $ { ${"),
        ("no expression", "no expression"),
    ],
)
def test_escapes_blanks_and_unbalanced_text(text: str, value: str) -> None:
    assert resolve(text) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("${workflow.input.${workflow.input.key}}", 1),
        ("${workflow.input['${workflow.input.key}']}", 1),
        ("${workflow.input.list[${workflow.input.one}]}", 2),
        ("${${workflow.variables.ref}.output.price}", 2.5),
        ("${workflow.input.${workflow.input.gone}}", None),
        ("${workflow.input.${workflow.input.list}}", None),
        ("${${}}", ""),
        ("x${workflow.input.${workflow.input.${workflow.input.nothing}}}", "xnull"),
    ],
)
def test_an_inner_expression_is_resolved_first(expression: str, value: Any) -> None:
    assert resolve(expression) == value


def test_expressions_are_resolved_in_objects_and_lists_but_not_in_keys() -> None:
    value = {
        "${workflow.input.name}": ["${workflow.input.one}", {"deep": "${workflow.input.name}!"}],
        "n": 1.5,
    }

    assert resolve(value) == {"${workflow.input.name}": [1, {"deep": "Ada!"}], "n": 1.5}


def test_what_was_read_is_not_evaluated_again() -> None:
    context = {"workflow": {"input": {"evil": "${workflow.input.secret}", "secret": "x", "escape": "$${a}"}}}

    assert resolve(
        ["${workflow.input.evil}", "<${workflow.input.evil}>", "<${workflow.input.escape}>"], context
    ) == [
        "${workflow.input.secret}",
        "<${workflow.input.secret}>",
        "<$${a}>",
    ]


@pytest.mark.parametrize(
    ("value", "roots"),
    [
        ("${workflow.input.x}", {("workflow", "input")}),
        ("${reserve.output}", {("reserve", "output")}),
        ("${reserve['output'].x}", {("reserve", "output")}),
        ("${reserve}", {("reserve", None)}),
        ("${reserve..x}", {("reserve", None)}),
        ("${reserve.output[*].x}", {("reserve", "output")}),
        ("${reserve.output.items.length()}", {("reserve", "output")}),
        ("${workflow.input.${x.output.k}}", {("workflow", "input"), ("x", "output")}),
        ("${workflow.${x.output.k}}", {("workflow", None), ("x", "output")}),
        ("${workflow.in${x.output.k}}", {("workflow", None), ("x", "output")}),
        ("${two words['output'].${x.output.k}}", {("two words", None), ("x", "output")}),
        ("${${x.output.k}.output}", {("*", None), ("x", "output")}),
        ("${pre${x.output.k}.output}", {("*", None), ("x", "output")}),
        ("${$..x}", {("*", None)}),
        ("${a.output[?(@.x == $.b.output.y)]}", {("a", "output"), ("b", "output")}),
        ("${a.output[?(length($['b']['input'].y) > 2)]}", {("a", "output"), ("b", "input")}),
        (["${a.output.x} and ${b.input}", {"k": "${a.output}"}], {("a", "output"), ("b", "input")}),
        ("${workflow.secrets.x}", set()),
        ("$${a.output}", set()),
    ],
)
def test_a_template_knows_what_it_can_read(value: Any, roots: set[tuple[str, str | None]]) -> None:
    template = Template.compile(value)

    assert template.roots == roots
    assert template.constant is (not roots)


def test_a_secret_stays_in_its_place_until_it_is_used() -> None:
    value = {"header": "Bearer ${workflow.secrets.KEY}", "whole": "${workflow.secrets.KEY.token}"}
    template = Template.compile(value)

    assert template.constant
    assert template.resolve({"workflow": {"secrets": {"KEY": "s3cret"}}}) == value


@pytest.mark.parametrize(
    "expression", ["${workflow.secrets.${workflow.input.key}}", "${workflow.input.${workflow.secrets.KEY}}"]
)
def test_data_can_not_choose_a_secret_and_a_secret_can_not_choose_data(expression: str) -> None:
    with pytest.raises(ExpressionError, match="secret"):
        Template.compile(expression)


def test_server_environment_variables_are_read_by_prefix_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_ENV_REGION", "eu")
    monkeypatch.setenv("CONDUCTOR_ENV_REGION", "us")
    monkeypatch.setenv("CONDUCTOR_ENV_LIMITS", '{"max": [1, 2]}')
    monkeypatch.setenv("CONDUCTOR_ENV_TEXT", "{no json")
    monkeypatch.setenv("DATABASE_PASSWORD", "s3cret")

    assert resolve("${workflow.env.REGION}") == "eu"
    assert resolve("${workflow.env.LIMITS}") == '{"max": [1, 2]}'
    assert resolve("${workflow.env.LIMITS.max[1]}") == 2
    assert resolve("${workflow.env.TEXT.max}") is None
    assert resolve("${workflow.env.DATABASE_PASSWORD}") is None
    assert resolve("${DATABASE_PASSWORD}") is None
    assert resolve("${workflow.env}") is None


@pytest.mark.parametrize(
    "expression",
    [
        "${a.}",
        "${.a}",
        "${a..}",
        "${a[}",
        "${a[?(@.x nin [1])]}",
        "${a[?(}",
        "${[0]}",
        "${ok ? 'a' : 'b'}",
        "${f(x)}",
        "${a.shout()}",
        "${a.last().n}",
        "${a[*] | b[*]}",
        "${" * 40 + "}" * 40,
    ],
)
def test_what_is_no_path_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        Template.compile(["fine", {"k": expression}])


def test_data_that_is_nested_too_deeply_for_a_descent_is_an_error_not_a_null() -> None:
    deep: Any = {"x": 1}
    for _ in range(120):
        deep = {"d": deep}

    with pytest.raises(ExpressionError, match="recursion"):
        resolve("${a..x}", {"a": {"output": deep}})


def test_a_template_with_expressions_shares_nothing_with_the_context_or_with_itself() -> None:
    context = {"a": {"output": {"list": [1, {"x": 2}]}}}
    template = Template.compile(
        {"read": "${a.output.list}", "constant": {"y": [1]}, "query": "${a.output.list[*]}"}
    )

    first = template.resolve(context)
    first["read"][1]["x"] = first["query"][1]["x"] = "changed"
    first["constant"]["y"].append(2)

    assert context == {"a": {"output": {"list": [1, {"x": 2}]}}}
    assert template.resolve(context) == {
        "read": [1, {"x": 2}],
        "constant": {"y": [1]},
        "query": [1, {"x": 2}],
    }


def test_the_source_may_be_changed_after_it_was_compiled() -> None:
    source: dict[str, Any] = {"a": {"b": ["c"]}, "d": "${x.output}"}
    template = Template.compile(source)

    source["a"]["b"].append("changed")

    assert template.resolve({}) == {"a": {"b": ["c"]}, "d": None}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
texts = st.text(alphabet="${}ab.[]'\"\\ ", max_size=20)


@given(texts)
def test_escaped_text_resolves_to_itself(text: str) -> None:
    template = Template.compile(escape(text))

    assert template.constant
    assert template.resolve({}) == text


@given(texts)
def test_any_text_that_compiles_resolves_with_nothing_to_read(text: str) -> None:
    try:
        template = Template.compile(text)
    except ExpressionError:
        assume(False)

    without, with_more = template.resolve({}), template.resolve({"a": {}})

    # `${$}` is all that there is, `${a}` what has come.
    assert without == with_more or any(root in (ANY_ROOT, "a") for root, _ in template.roots)


@settings(max_examples=50)
@given(json_values)
def test_a_value_passes_through_an_expression_unchanged(value: Any) -> None:
    context = {"workflow": {"input": {"value": value}}}

    resolved = resolve({"k": ["${workflow.input.value}"]}, context)["k"][0]

    assert resolved == value
    assert type(resolved) is type(value)


@settings(max_examples=50)
@given(json_values)
def test_a_value_without_expressions_is_constant(value: Any) -> None:
    assume("${" not in str(value))
    template = Template.compile(value)

    assert template.constant
    assert template.resolve({}) == value


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=8), st.integers())
def test_any_name_can_be_read_in_quotes(name: str, value: int) -> None:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    assume("${" not in name)

    assert resolve(f"${{ref.output['{quoted}']}}", {"ref": {"output": {name: value}}}) == value


PIECES = st.lists(
    st.sampled_from(["$", "{", "}", "${", "a", ".", " ", "${workflow.input.one}", "$${", "[", "'"])
)


@settings(max_examples=200)
@given(PIECES.map("".join))
def test_a_text_whose_expressions_are_kept_reads_the_same(text: str) -> None:
    try:
        before = resolve(text, CONTEXT)
    except ExpressionError:
        assume(False)

    assert resolve(replace_expressions(text, lambda _: None), CONTEXT) == before


def test_an_expression_is_replaced_as_a_whole_or_else_those_inside_it() -> None:
    names = {"${a.b}": "${x.b}", "${c.${a.b}}": None, "${d.${a.b}}": "${y}"}

    text = replace_expressions("${a.b}, $${a.b}, ${c.${a.b}} and ${d.${a.b}}", lambda e: names[e])

    assert text == "${x.b}, $${a.b}, ${c.${x.b}} and ${y}"
