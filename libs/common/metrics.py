"""Every metric of Brandmelder, with its meaning. Names follow Prometheus' conventions:
base units, `_total` for counters. Label values are few and known; never texts, names or ids
of mentions.
"""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# --- Workers: the loops between the streams -------------------------------------------------

CONSUMED = Counter(
    "brandmelder_records_consumed_total",
    "Records read from the log, by consumer group.",
    ["group"],
)
PUBLISHED = Counter(
    "brandmelder_records_published_total",
    "Records a worker's step published to the log, by consumer group.",
    ["group"],
)
PARKED = Counter(
    "brandmelder_records_parked_total",
    "Records put on a dead-letter topic because the step could not handle them. "
    "Anything above zero wants a look.",
    ["group"],
)
RETRIED = Counter(
    "brandmelder_batches_retried_total",
    "Times a batch was tried again because something it needs was not ready.",
    ["group"],
)
LOST_BATCHES = Counter(
    "brandmelder_batches_lost_total",
    "Batches dropped uncommitted because their partition moved to another member; "
    "they are read again there.",
    ["group"],
)
BATCH_SECONDS = Histogram(
    "brandmelder_batch_seconds",
    "Time from reading a batch to its commit, by consumer group.",
    ["group"],
    buckets=_SECONDS,
)
BATCH_RECORDS = Histogram(
    "brandmelder_batch_records",
    "Size of the batches read, by consumer group.",
    ["group"],
    buckets=(1, 5, 10, 50, 100, 250, 500, 1000, 2000),
)
LAG = Gauge(
    "brandmelder_group_lag_records",
    "Records of all partitions that the group has not committed yet.",
    ["group"],
)
EVENT_AGE_SECONDS = Gauge(
    "brandmelder_event_age_seconds",
    "Age of the newest record of the last batch: how far behind the present a group works.",
    ["group"],
)
# --- The store of mentions, its search and the live stream ----------------------------------

MENTIONS_WRITTEN = Counter(
    "brandmelder_mentions_written_total",
    "Rows changed in the store of mentions, by what happened (stored, deleted). "
    "Repeats that change nothing do not count.",
    ["what"],
)
SEARCH_SECONDS = Histogram(
    "brandmelder_search_seconds",
    "Time to find one page of mentions.",
    buckets=_SECONDS,
)
LABEL_CORRECTIONS = Counter(
    "brandmelder_label_corrections_total",
    "Labels that people set, by what the classifier had said and what they said; the same twice is "
    "a person who agrees.",
    ["from_label", "to_label"],
)
STREAM_READERS = Gauge(
    "brandmelder_stream_readers",
    "Open live streams of mentions in this process.",
)
STREAM_DROPPED = Counter(
    "brandmelder_stream_dropped_total",
    "Live events dropped because their reader was too slow; the reader was told of the gap.",
)


# --- Ingest: sources, the push API and hints -------------------------------------------------

POLLS = Counter(
    "brandmelder_polls_total",
    "Readings of sources, by kind of source and outcome (ok, unchanged, empty, or the reason of "
    "the failure).",
    ["kind", "outcome"],
)
POLL_SECONDS = Histogram(
    "brandmelder_poll_seconds",
    "Time of one reading of a source, from its request to its mentions on the log.",
    ["kind"],
    buckets=_SECONDS,
)
POLL_DELAY_SECONDS = Histogram(
    "brandmelder_poll_delay_seconds",
    "How long after its due time a source was read: high values mean too few readers.",
    buckets=_SECONDS,
)
FEEDS_READ = Counter(
    "brandmelder_feeds_read_total",
    "Feeds by the way they were read: unchanged (not parsed), fast, tolerant (in the confined "
    "process), json.",
    ["path"],
)
POSTS_COLLECTED = Counter(
    "brandmelder_posts_collected_total",
    "New or changed posts, before any watch was asked, by way in (source, api, hint).",
    ["way"],
)
POSTS_UNREADABLE = Counter(
    "brandmelder_posts_unreadable_total",
    "Posts in a platform's answer that were not of the platform's form, by platform.",
    ["platform"],
)
STREAM_LAG_SECONDS = Gauge(
    "brandmelder_source_stream_lag_seconds",
    "How far a platform's stream is behind the present, by the platform's own clock and by kind of "
    "source. It may be hours while a gap is closed; then it should stay at a second or two.",
    ["kind"],
)
STREAM_MESSAGES = Counter(
    "brandmelder_source_stream_messages_total",
    "Messages that platforms' streams sent, of interest or not, by kind of source.",
    ["kind"],
)
MENTIONS_COLLECTED = Counter(
    "brandmelder_mentions_collected_total",
    "Mentions put on the log, one per post and watch, by way in (source, api, hint).",
    ["way"],
)
HOOK_CALLS = Counter(
    "brandmelder_hook_calls_total",
    "Requests of platforms that deliver to us, by kind of source and outcome: handshake, taken, "
    "again (the platform is asked to deliver once more), ignored (answered well, but its signature "
    "is wrong), or why they were denied (signature, token, unknown).",
    ["kind", "outcome"],
)
SUBSCRIPTIONS = Counter(
    "brandmelder_subscriptions_total",
    "What happened between us and the hubs of feeds: asked, no hub (the feed names none), failed, "
    "confirmed, denied, ended.",
    ["outcome"],
)
HOOK_SKIPPED = Counter(
    "brandmelder_hook_skipped_total",
    "Parts of deliveries that were left out, by kind of source and reason (no post, no text, own, "
    "hidden, gone, not allowed, no access token).",
    ["kind", "reason"],
)
SOURCES = Gauge(
    "brandmelder_sources",
    "Configured sources by health (new, ok, unchanged, empty, blocked, failing, gone, silent).",
    ["health"],
)
SOURCE_HEALTH = Gauge(
    "brandmelder_source_health",
    "1 for the health that a configured source has now, silence included; worth an alarm unless "
    "it is new, ok, unchanged or empty.",
    ["source", "health"],
)
SOURCE_LAST_SUCCESS = Gauge(
    "brandmelder_source_last_success_timestamp_seconds",
    "When a source was last read to its end, in seconds since 1970.",
    ["source"],
)
SOURCE_COVERAGE = Gauge(
    "brandmelder_source_coverage_ratio",
    "Share of the last 24 hours in which a source was really observed, 0 to 1.",
    ["source"],
)

# --- Incidents and pages ---------------------------------------------------------------------

SIGNALS = Counter(
    "brandmelder_signals_total",
    "Mentions that opened or joined an incident, by what saw them (rule, hint), and reports about "
    "sources (source).",
    ["kind"],
)
INCIDENTS_OPENED = Counter(
    "brandmelder_incidents_opened_total",
    "Incidents opened.",
)
INCIDENT_CONFLICTS = Counter(
    "brandmelder_incident_conflicts_total",
    "Decisions made again because somebody else changed the incident meanwhile.",
)
PAGES_MADE = Counter(
    "brandmelder_pages_made_total",
    "Pages put into the outbox, by channel and cause "
    "(opened, worsened, hint, acknowledged, resolved).",
    ["channel", "cause"],
)
PAGE_ATTEMPTS = Counter(
    "brandmelder_page_attempts_total",
    "Attempts to deliver a page, by channel and outcome (delivered, retried, failed). "
    "A failed page reached nobody: look at once.",
    ["channel", "outcome"],
)
PAGE_SECONDS = Histogram(
    "brandmelder_page_delivery_seconds",
    "Time from a page's making to its delivery, by channel.",
    ["channel"],
    buckets=(*_SECONDS, 300, 1800, 7200, 86_400),
)
OUTBOX_WAITING = Gauge(
    "brandmelder_outbox_waiting_pages",
    "Pages not delivered yet.",
)
OUTBOX_OLDEST_SECONDS = Gauge(
    "brandmelder_outbox_oldest_seconds",
    "Age of the page that has waited longest for its delivery; 0 when none waits.",
)

# --- Classify: what the mentions say ---------------------------------------------------------

CLASSIFIED = Counter(
    "brandmelder_mentions_classified_total",
    "Mentions tagged, by primary label.",
    ["label"],
)
SECOND_OPINIONS = Counter(
    "brandmelder_second_opinions_total",
    "Mentions that were to get a second opinion, by what became of it: confirmed, changed, "
    "overruled (too grave to be lowered), or why there is none: no text, budget, rate, paused, no "
    "time (for the batch), slow, unreachable, throttled, status, malformed, refused, and for an "
    "answer that does not hold, label, severity or cue; failed is an error of our own.",
    ["outcome"],
)
SECOND_OPINION_SECONDS = Histogram(
    "brandmelder_second_opinion_seconds",
    "Time of one question to the endpoint of second opinions, answered or not.",
    buckets=_SECONDS,
)
SECOND_OPINION_TOKENS = Counter(
    "brandmelder_second_opinion_tokens_total",
    "Tokens of second opinions, as the endpoint counted them, by direction (input, output).",
    ["direction"],
)
SECOND_OPINION_SPENT = Gauge(
    "brandmelder_second_opinion_spent_today",
    "What this process spent on second opinions since midnight UTC, in the currency of the "
    "configured prices.",
)
SECOND_OPINION_USED_UP = Gauge(
    "brandmelder_second_opinion_budget_used_up",
    "1 from when the day's budget for second opinions did not reach for a question, to the next "
    "day's first question.",
)


def exposition() -> tuple[bytes, str]:
    """All metrics as Prometheus reads them, and their media type."""
    return generate_latest(), CONTENT_TYPE_LATEST
