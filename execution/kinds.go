package execution

// EventKind is a type of events, and where it comes from (parity EV-11).
type EventKind struct {
	Type     EventType `json:"type"`
	Producer string    `json:"producer"` // the source of such events
	Schema   string    `json:"schema"`   // the record in the schema registry
	Ending   bool      `json:"ending"`   // there is one for each terminal status
}

// eventSchema is the record that all events are written as: what differs
// between types is which parts they have.
const eventSchema = "codesaga.ExecutionEvent"

// EventKinds are all types that somebody publishes. Endings come from who saw
// them: the cluster, or the saga of a run that never got there.
var EventKinds = []EventKind{
	from(SourceSaga, ExecutionRequested), from(SourceSaga, ExecutionAccepted), from(SourceSaga, ExecutionQueued), from(SourceSaga, ExecutionScheduled),
	ending(SourceKube, ExecutionCompleted), ending(SourceKube, ExecutionFailed), ending(SourceKube, ExecutionTimeout),
	ending(SourceSaga, ExecutionCancelled), ending(SourceSaga, ExecutionError),
	from(SourceKube, PodCreated), from(SourceKube, PodWaiting), from(SourceKube, PodScheduled),
	from(SourceKube, PodRunning), from(SourceKube, PodTerminated), from(SourceKube, PodDeleted),
	from(SourceSaga, SagaStarted), from(SourceSaga, SagaCompensating), from(SourceSaga, SagaCompensated),
	from(SourceSaga, SagaCompleted), from(SourceSaga, SagaFailed), from(SourceSaga, SagaCancelled),
	from(SourceWeb, ExecutionReprioritised), from(SourceSaga, ExecutionRetried),
	from(SourceResults, ResultStored), from(SourceResults, ResultFailed),
}

// PlatformKinds are all types of events of the platform that somebody publishes.
var PlatformKinds = []PlatformKind{
	{LetterReceivedEvent, SourceLetters, platformSchema}, {LetterRetriedEvent, SourceLetters, platformSchema}, {LetterParkedEvent, SourceLetters, platformSchema},
	{LetterDiscardedEvent, SourceLetters, platformSchema}, {LetterArchivedEvent, SourceLetters, platformSchema}, {LetterRestoredEvent, SourceLetters, platformSchema},
}

// PlatformKind is a type of events of the platform, and where it comes from.
type PlatformKind struct {
	Type     PlatformType `json:"type"`
	Producer string       `json:"producer"` // the source of such events
	Schema   string       `json:"schema"`   // the record in the schema registry
}

const platformSchema = "codesaga.PlatformEvent"

func from(source string, t EventType) EventKind {
	return EventKind{Type: t, Producer: source, Schema: eventSchema}
}

func ending(source string, t EventType) EventKind {
	k := from(source, t)
	k.Ending = true
	return k
}
