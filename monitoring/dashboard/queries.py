"""PromQL of the dashboard, written once for each idea.

Two replicas of the exporter see the same tasks, so what they say is joined by `max by` before anything is counted
or added; what shards say of an account is joined for each shard first. Every selector holds the variables `job` and
`instance`, as Grafana's dashboard linter asks.
"""

from __future__ import annotations

_TARGET = 'job=~"$job", instance=~"$instance"'
_SUBJECTS = {"exporter": _TARGET, "account": f'{_TARGET}, account=~"$account"'}
_SUBJECTS["task"] = f'{_SUBJECTS["account"]}, task_id=~"$task"'

STATES = ("disabled", "ok", "never_ran", "due", "unknown", "missed")
"""From least to most trouble, as the status page ranks them; a state's number is its place, from 1."""

TASK = "account, task_id"
NAMED = "account, task_id, task_name"
MANY = 20
"""How many lines a reader can tell apart."""
MANY_BARS = 40
"""How many bars of a state timeline."""
AT_END = " @ end()"


def exporter(name: str) -> str:
    """A selector of what a process says of itself."""
    return f"{name}{{{_SUBJECTS['exporter']}}}"


def account(name: str) -> str:
    """A selector of an account's series; `name` is that behind the prefix, `up` or `polls_total`."""
    return f"screenshotmax_{name}{{{_SUBJECTS['account']}}}"


def task(name: str, *matchers: str) -> str:
    """A selector of a task's series; `name` is that behind the prefix, `enabled` or `runs`."""
    return f"screenshotmax_task_{name}{{{', '.join((_SUBJECTS['task'], *matchers))}}}"


def joined(expression: str, labels: str) -> str:
    """What two replicas say of the same thing, as one."""
    return f"max by ({labels}) ({expression})"


def _by_shard(name: str) -> str:
    """What each shard says of an account: only the exporter itself tells which shard it is, so that is joined to it."""
    shards = (
        f'count_values without () ("ordinal", {exporter("screenshotmax_exporter_shard_ordinal")})'
        " * ignoring (ordinal, total) group_left (total)"
        f' count_values without () ("total", {exporter("screenshotmax_exporter_total_shards")})'
    )
    said = f"{account(name)} * ignoring (account, ordinal, total) group_left (ordinal, total) ({shards})"
    return joined(said, "account, ordinal, total")


def of_shards(name: str) -> str:
    """What shards count of their own tasks, added up by account; `name` as for `account`.

    Added are only those of one number of shards, as while it changes old and new ones see the same tasks. The last
    part is for exporters that do not say which shard they are.
    """
    whole = added(_by_shard(name), "account, total")
    return f"({joined(whole, 'account')} or {joined(account(name), 'account')})"


def of_worst_shard(name: str) -> str:
    """The least that a shard says of an account, by account; `name` as for `account`."""
    return f"(min by (account) ({_by_shard(name)}) or {joined(account(name), 'account')})"


def added(expression: str, labels: str = "") -> str:
    return f"sum by ({labels}) ({expression})" if labels else f"sum({expression})"


def increase(selector: str, window: str = "$__rate_interval") -> str:
    return f"increase({selector}[{window}])"


def _state(name: str) -> str:
    return task("state", f'state="{name}"')


def in_state(name: str) -> str:
    """How many tasks are in it; 0 when none is, nothing when no task is known."""
    return added(joined(_state(name), TASK))


def state_number(labels: str, *, at: str = "", among: str = "") -> str:
    """Each task's state as its number, which value mappings turn back into a word. Two replicas: the worse one."""
    # A join with constants: six selectors behind `or` take several times as long over a range of 10 000 tasks.
    numbers = (f'label_replace(vector({number}), "state", "{name}", "", "")' for number, name in enumerate(STATES, 1))
    current = f"{task('state')}{at} == 1{among}"
    return joined(f"({current}) * on (state) group_left () ({' or '.join(numbers)})", labels)


def foremost(count: int, rank: str) -> str:
    """Only those that rank highest at the end of the range, so that the choice is one over the whole of it."""
    return f" and on ({TASK}) topk({count}, {rank})"


def worst_states() -> str:
    """The state numbers of the tasks with the most trouble."""
    return state_number(NAMED, among=foremost(MANY_BARS, state_number(TASK, at=AT_END)))


def leading(name: str) -> str:
    """One line for each of the tasks in which a gauge is highest at the end of the range."""
    return joined(task(name), NAMED) + foremost(MANY, joined(f"{task(name)}{AT_END}", TASK))


def one_of_each(expression: str, labels: str) -> str:
    """One series for each task, whatever else its labels say: a replica may not have seen an edit yet."""
    return f"topk by ({TASK}) (1, {joined(expression, labels)})"


def of_every_task(expression: str) -> str:
    """A column with a cell for each task, NaN where there is nothing: Grafana's merge of large tables needs that."""
    return f"{expression} or on ({TASK}) {joined(task('fetch_success'), TASK)} * NaN"


def missed_now() -> str:
    """Tasks that are missed and were not one step ago."""
    then = joined(f"{task('missed_run')} offset $__interval", NAMED)
    return f"{joined(task('missed_run'), NAMED)} == 1 unless on ({TASK}) {then} == 1"


def runs(kind: str, labels: str, window: str = "$__rate_interval") -> str:
    """How many runs of a kind the ledger has counted in a window: expected, observed, missed or extra."""
    return added(joined(increase(task(f"{kind}_runs_total"), window), TASK), labels)


def on_time(labels: str, window: str) -> str:
    """The share of the expected runs that came in time; nothing while none was expected."""
    return f"clamp_min(1 - {runs('missed', labels, window)} / ({runs('expected', labels, window)} > 0), 0)"


def of_exporters(expression: str) -> str:
    """Only what our own exporters say of it: `up` and `process_*` are every target's."""
    return f"{expression} and on (job, instance) {exporter('screenshotmax_exporter_build_info')}"
