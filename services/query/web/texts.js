// Everything the page says, in German and English, and how times and numbers are written.

const TEXTS = {
  de: {
    skip: "Zum Inhalt springen",
    language: "Sprache",
    signInTitle: "Anmelden",
    signInMissing:
      "Öffnen Sie den Link, den Brandmelder beim Start im Terminal ausgibt, oder fügen Sie hier den Schlüssel ein.",
    signInWrong:
      "Dieser Schlüssel passt nicht (mehr). Öffnen Sie den Link, den Brandmelder beim Start im Terminal ausgibt, oder fragen Sie die Person, die Brandmelder betreibt.",
    token: "Zugangsschlüssel",
    signIn: "Anmelden",
    live: "Live",
    connecting: "Verbinde …",
    lost: "Verbindung verloren – neuer Versuch läuft",
    calmTitle: "Es brennt nicht.",
    calmText: "Kein offener Vorfall. Neue Vorfälle erscheinen hier von selbst.",
    burnsTitle: (n) => (n === 1 ? "Es brennt: 1 offener Vorfall" : `Es brennt: ${n} offene Vorfälle`),
    burnsText: "Ruhe bewahren. Übernehmen, dann Schritt für Schritt.",
    heldTitle: (n) => (n === 1 ? "1 Vorfall in Arbeit" : `${n} Vorfälle in Arbeit`),
    heldText: "Jemand kümmert sich. Die offenen Schritte stehen unten.",
    incidents: "Offene Vorfälle",
    noIncidents: "Keine offenen Vorfälle.",
    incidentsFailed: (why) => `Die Vorfälle lassen sich gerade nicht laden (${why}). Der Stand unten kann veraltet sein.`,
    level: (n) => `Stufe ${n} von 6`,
    since: (ago) => `seit ${ago}`,
    mentionsCount: (n) => (n === "1" ? "1 Erwähnung" : `${n} Erwähnungen`),
    unclaimed: "Noch niemand kümmert sich",
    takenBy: (name) => `Übernommen von ${name}`,
    endedBy: (name) => (name ? `Beendet von ${name}` : "Beendet"),
    background: "Wortlaut und Belege",
    loading: "Lädt …",
    showAll: (n) => `Alle ${n} zeigen`,
    unreachable: "Brandmelder ist nicht erreichbar",
    pageFailed: (to, why) => `Nachricht an ${to} nicht zugestellt${why ? `: ${why}` : ""}`,
    sourcesWell: "Quellen: alle in Ordnung",
    sourcesIll: (n) => (n === 1 ? "Quellen: 1 braucht Aufmerksamkeit" : `Quellen: ${n} brauchen Aufmerksamkeit`),
    sinceTime: (at) => `seit ${at}`,
    lastRead: (at) => `zuletzt gelesen ${at}`,
    neverRead: "noch nie gelesen",
    postsUnknown: "Beiträge der letzten 24 Std.: unbekannt",
    postsSeen: (n) => `Beiträge der letzten 24 Std.: ${n}`,
    postsSeenOfUsual: (n, usual) => `Beiträge der letzten 24 Std.: ${n}, üblich ${usual}`,
    observed: (share) => `davon beobachtet: ${share}`,
    operations: "Betrieb",
    editedOn: (at) => `bearbeitet ${at}`,
    deletedPost: "(Der Beitrag wurde an der Quelle gelöscht.)",
    healths: {
      new: "neu", ok: "in Ordnung", unchanged: "in Ordnung, nichts Neues", empty: "lesbar, aber leer",
      silent: "ungewöhnlich still", blocked: "gesperrt", auth_failed: "Zugangsdaten abgelehnt",
      rate_limited: "gebremst", over_budget: "Kontingent aufgebraucht", failing: "nicht lesbar",
      gone: "verschwunden",
    },
    evidence: "Das wurde gesagt",
    doThis: "Richtig",
    avoidThis: "Falsch",
    wording: "Erste Antwort (anpassen und gegenlesen lassen)",
    acknowledge: "Ich übernehme",
    resolveOpen: "Vorfall beenden …",
    resolve: "Beenden",
    resolveTitle: "Vorfall beenden",
    resolveText: "Was war es, und was wurde getan? Das hilft später bei der Nachbereitung.",
    why: "Begründung",
    whatToDo: "Was jetzt zu tun ist",
    stepsDone: (done, all) => `${done} von ${all} erledigt`,
    markDone: (step) => `Als erledigt melden: ${step}`,
    doneBy: (name, at) => `erledigt von ${name}, ${at}`,
    dueIn: (time) => `noch ${time}`,
    overdue: (time) => `überfällig seit ${time}`,
    within: (time) => `innerhalb von ${time}`,
    whoAreYou: "Wer sind Sie?",
    whyName: "Damit alle sehen, wer sich kümmert. Der Name bleibt in diesem Browser gespeichert.",
    name: "Name",
    cancel: "Abbrechen",
    goOn: "Weiter",
    actionFailed: (why) => `Das hat nicht geklappt: ${why}`,
    mentions: "Was gerade gesagt wird",
    query: "Erwähnungen filtern",
    queryExample: "z. B. bremse* AND NOT label:praise",
    filter: "Filtern",
    shortcutsLabel: "Schnellfilter",
    all: "Alle",
    pause: "Anhalten",
    resume: (n) => (n === 0 ? "Weiter" : `Weiter (${n} neu)`),
    gap: "Es kamen mehr Erwähnungen, als sich zeigen ließen. Die Liste wurde neu geladen.",
    nothingYet: "Noch keine Erwähnung. Sobald jemand etwas sagt, steht es hier.",
    nothingFound: "Keine Erwähnung passt zu diesem Filter. Neue erscheinen hier von selbst.",
    streamFailed: (why) => `Die Erwähnungen lassen sich gerade nicht laden: ${why}`,
    severity: (n) => `Schwere ${n} von 100`,
    open: "Original öffnen",
    correct: "Einordnung korrigieren",
    whatIsIt: "Was ist es wirklich?",
    correctedBy: (name, before) => `korrigiert von ${name}, vorher ${before}`,
    agreedBy: (name) => `bestätigt von ${name}`,
    takeBack: "Korrektur zurücknehmen",
    labels: {
      complaint: "Beschwerde",
      question: "Frage",
      praise: "Lob",
      crisis_candidate: "Krisenkandidat",
      other: "Sonstiges",
    },
    platforms: {
      api: "Schnittstelle", blog: "Blog", forum: "Forum", hint: "Hinweis", news: "Nachrichten",
      podcast: "Podcast", review: "Bewertung", social: "Social Media",
    },
    unit: {s: "Sek.", m: "Min.", h: "Std.", d: ["Tag", "Tagen"]},
  },
  en: {
    skip: "Skip to the content",
    language: "Language",
    signInTitle: "Sign in",
    signInMissing:
      "Open the link that Brandmelder prints when it starts, or paste the access key here.",
    signInWrong:
      "This key does not fit (any more). Open the link that Brandmelder prints in the terminal when it starts, or ask the person who runs Brandmelder.",
    token: "Access key",
    signIn: "Sign in",
    live: "Live",
    connecting: "Connecting …",
    lost: "Connection lost – trying again",
    calmTitle: "Nothing is burning.",
    calmText: "No open incident. New incidents appear here on their own.",
    burnsTitle: (n) => (n === 1 ? "Fire: 1 open incident" : `Fire: ${n} open incidents`),
    burnsText: "Stay calm. Take it, then go step by step.",
    heldTitle: (n) => (n === 1 ? "1 incident in hand" : `${n} incidents in hand`),
    heldText: "Someone is on it. The remaining steps are below.",
    incidents: "Open incidents",
    noIncidents: "No open incidents.",
    incidentsFailed: (why) => `The incidents cannot be loaded right now (${why}). What you see below may be out of date.`,
    level: (n) => `Level ${n} of 6`,
    since: (ago) => `for ${ago}`,
    mentionsCount: (n) => (n === "1" ? "1 mention" : `${n} mentions`),
    unclaimed: "Nobody is on it yet",
    takenBy: (name) => `Taken by ${name}`,
    endedBy: (name) => (name ? `Closed by ${name}` : "Closed"),
    background: "Wording and evidence",
    loading: "Loading …",
    showAll: (n) => `Show all ${n}`,
    unreachable: "Brandmelder cannot be reached",
    pageFailed: (to, why) => `Message to ${to} not delivered${why ? `: ${why}` : ""}`,
    sourcesWell: "Sources: all well",
    sourcesIll: (n) => (n === 1 ? "Sources: 1 needs attention" : `Sources: ${n} need attention`),
    sinceTime: (at) => `since ${at}`,
    lastRead: (at) => `last read ${at}`,
    neverRead: "never read yet",
    postsUnknown: "posts in the last 24 h: unknown",
    postsSeen: (n) => `posts in the last 24 h: ${n}`,
    postsSeenOfUsual: (n, usual) => `posts in the last 24 h: ${n}, usually ${usual}`,
    observed: (share) => `observed: ${share} of that time`,
    operations: "Operations",
    editedOn: (at) => `edited ${at}`,
    deletedPost: "(The post was deleted at its source.)",
    healths: {
      new: "new", ok: "well", unchanged: "well, nothing new", empty: "readable, but empty",
      silent: "unusually quiet", blocked: "blocked", auth_failed: "credentials refused",
      rate_limited: "slowed down", over_budget: "budget used up", failing: "cannot be read",
      gone: "gone for good",
    },
    evidence: "What was said",
    doThis: "Do",
    avoidThis: "Don’t",
    wording: "First answer (adapt it, have a second person read it)",
    acknowledge: "I'll take it",
    resolveOpen: "Close incident …",
    resolve: "Close it",
    resolveTitle: "Close the incident",
    resolveText: "What was it, and what was done? This helps in the review later.",
    why: "Reason",
    whatToDo: "What to do now",
    stepsDone: (done, all) => `${done} of ${all} done`,
    markDone: (step) => `Mark as done: ${step}`,
    doneBy: (name, at) => `done by ${name}, ${at}`,
    dueIn: (time) => `${time} left`,
    overdue: (time) => `overdue by ${time}`,
    within: (time) => `within ${time}`,
    whoAreYou: "Who are you?",
    whyName: "So that everybody sees who is on it. The name is kept in this browser.",
    name: "Name",
    cancel: "Cancel",
    goOn: "Continue",
    actionFailed: (why) => `That did not work: ${why}`,
    mentions: "What people are saying",
    query: "Filter mentions",
    queryExample: "e.g. brake* AND NOT label:praise",
    filter: "Filter",
    shortcutsLabel: "Quick filters",
    all: "All",
    pause: "Pause",
    resume: (n) => (n === 0 ? "Resume" : `Resume (${n} new)`),
    gap: "More mentions came in than could be shown. The list was loaded again.",
    nothingYet: "No mention yet. As soon as somebody says something, it appears here.",
    nothingFound: "No mention fits this filter. New ones appear here on their own.",
    streamFailed: (why) => `The mentions cannot be loaded right now: ${why}`,
    severity: (n) => `Severity ${n} of 100`,
    open: "Open original",
    correct: "Correct the label",
    whatIsIt: "What is it really?",
    correctedBy: (name, before) => `corrected by ${name}, was ${before}`,
    agreedBy: (name) => `confirmed by ${name}`,
    takeBack: "Take the correction back",
    labels: {
      complaint: "Complaint",
      question: "Question",
      praise: "Praise",
      crisis_candidate: "Crisis candidate",
      other: "Other",
    },
    platforms: {
      api: "API", blog: "Blog", forum: "Forum", hint: "Hint", news: "News",
      podcast: "Podcast", review: "Review", social: "Social media",
    },
    unit: {s: "s", m: "min", h: "h", d: ["day", "days"]},
  },
};

export const LABELS = ["crisis_candidate", "complaint", "question", "praise", "other"];

/** The words and formats of one language. */
export function speak(language) {
  const texts = TEXTS[language];
  const region = navigator.languages.find((tag) => tag.slice(0, 2) === language)
    ?? (language === "en" ? "en-GB" : "de-DE");
  const clock = new Intl.DateTimeFormat(region, {hour: "2-digit", minute: "2-digit"});
  const day = new Intl.DateTimeFormat(region, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });
  const full = new Intl.DateTimeFormat(region, {dateStyle: "full", timeStyle: "medium"});
  const whole = new Intl.NumberFormat(region);
  const short = new Intl.NumberFormat(region, {maximumFractionDigits: 2});
  const percent = new Intl.NumberFormat(region, {style: "percent"});
  return {
    ...texts,
    code: language,
    /** A time today as "14:03", another day with its date. */
    time(date) {
      return date.toDateString() === new Date().toDateString() ? clock.format(date) : day.format(date);
    },
    fullTime: (date) => full.format(date),
    number: (value) => whole.format(value),
    fraction: (value) => short.format(value),
    share: (value) => percent.format(value),
    /** A span in the largest fitting unit: "8 Min.". */
    span(milliseconds) {
      const seconds = Math.max(0, Math.round(milliseconds / 1000));
      if (seconds < 60) return `${seconds} ${texts.unit.s}`;
      if (seconds < 3600) return `${Math.floor(seconds / 60)} ${texts.unit.m}`;
      if (seconds < 172_800) {
        const minutes = Math.floor((seconds % 3600) / 60);
        const hours = `${Math.floor(seconds / 3600)} ${texts.unit.h}`;
        return minutes && seconds < 36_000 ? `${hours} ${minutes} ${texts.unit.m}` : hours;
      }
      const days = Math.floor(seconds / 86_400);
      return `${days} ${texts.unit.d[days === 1 ? 0 : 1]}`;
    },
    /** Where something was said: "Forum · bikeforum". */
    place({platform, source}) {
      const names = [platform, source].filter(Boolean).map((id) => texts.platforms[id] ?? id);
      return [...new Set(names)].join(" · ");
    },
    /** Why a request failed. The browser's own words for a lost connection help nobody. */
    failure: (error) => (error.status === undefined ? texts.unreachable : error.message),
    /** A text the server gives as {de, en}. */
    of: (both) => both?.[language] ?? both?.en ?? both?.de ?? "",
  };
}
