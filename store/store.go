// Package store is what the platform remembers: executions, what they printed,
// what happened to them, who has capacity. That it is MongoDB, only main knows.
//
// A condition that must hold at the moment of writing is in the query. No query
// is of a kind that the development server answers by a scan: no findAndModify,
// no range over _id.
package store

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/codesaga/codesaga/execution"
)

// Store is the database.
type Store struct {
	// Patience is how long an ending waits for output that was sent and is not
	// stored yet; 0: 30 s.
	Patience time.Duration

	// EventLife is how long an event is kept after it was told, and one that was
	// deleted after that; 0: 90 days (parity EV-16). Setup makes it true.
	EventLife time.Duration

	part       part
	db         *mongo.Database
	executions *mongo.Collection
	chunks     *mongo.Collection // one document for each piece of output
	events     *mongo.Collection
	archive    *mongo.Collection // of events that were deleted
	hours      *mongo.Collection // events of past hours, counted
	rebuilds   *mongo.Collection // of projections
	pools      *mongo.Collection // one document for each
	waiters    *mongo.Collection // one for each execution that waits for capacity
	keys       *mongo.Collection // idempotency keys
	deliveries *mongo.Collection // one document for each attempt to tell a callback
	hosts      *mongo.Collection // of callbacks: one document for each that has failed and was not reached since
	batches    *mongo.Collection
	schedules  *mongo.Collection
	pauses     *mongo.Collection // of consumer groups

	letters         *mongo.Collection // that are dead
	redrivePolicies *mongo.Collection // that were set
	alarms          *mongo.Collection // that were raised

	notices  *mongo.Collection // to users
	platform *mongo.Collection // its events

	replays        *mongo.Collection
	replayParts    *mongo.Collection // of the files of sessions
	replayFailures *mongo.Collection // one document for each event that a session could not write
}

// Open returns the store that lives in a database at uri. It connects at first
// use; while the server is away everything fails as Unavailable within 5 s.
func Open(uri, database string) (*Store, error) {
	client, err := mongo.Connect(options.Client().
		SetAppName("codesaga").
		SetServerSelectionTimeout(5 * time.Second).
		SetConnectTimeout(5 * time.Second).
		SetTimeout(30 * time.Second). // of operations whose context has no deadline
		SetWriteConcern(writeconcern.Majority()).
		ApplyURI(uri)) // last: what it says wins
	if err != nil {
		return nil, err
	}
	return New(client.Database(database)), nil
}

// New returns the store that lives in db.
func New(db *mongo.Database) *Store {
	return &Store{
		part:       part{updates: 1000, bytes: 4 << 20},
		db:         db,
		executions: db.Collection("executions"),
		chunks:     db.Collection("chunks"),
		events:     db.Collection("events"),
		archive:    db.Collection("events_archive"),
		hours:      db.Collection("events_hourly"),
		rebuilds:   db.Collection("rebuilds"),
		pools:      db.Collection("pools"),
		waiters:    db.Collection("waiters"),
		keys:       db.Collection("idempotency_keys"),
		deliveries: db.Collection("callback_deliveries"),
		hosts:      db.Collection("callback_hosts"),
		batches:    db.Collection("batches"),
		schedules:  db.Collection("schedules"),
		pauses:     db.Collection("consumer_pauses"),

		letters:         db.Collection("letters"),
		redrivePolicies: db.Collection("redrive_policies"),
		alarms:          db.Collection("alarms"),

		notices:  db.Collection("notices"),
		platform: db.Collection("platform_events"),

		replays:        db.Collection("replays"),
		replayParts:    db.Collection("replay_parts"),
		replayFailures: db.Collection("replay_failures"),
	}
}

// Close ends all connections.
func (s *Store) Close(ctx context.Context) error { return s.db.Client().Disconnect(ctx) }

// Ping reports whether the database answers, as Unavailable if not.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.Client().Ping(ctx, nil); err != nil {
		return execution.Errorf(execution.Unavailable, "mongodb: %w", err)
	}
	return nil
}

// Create stores x, which is queued, unless an execution with its ID is there.
func (s *Store) Create(ctx context.Context, x execution.Execution) error {
	_, err := s.executions.InsertOne(ctx, x)
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return kinded(err)
}

// Get returns the execution id, or NotFound.
func (s *Store) Get(ctx context.Context, id execution.ID) (x execution.Execution, err error) {
	err = s.executions.FindOne(ctx, bson.M{"_id": id}).Decode(&x)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return x, execution.Errorf(execution.NotFound, "no execution %s", id)
	}
	return x, kinded(err)
}

// Remove takes the creation of id back. It does so only as long as nothing has
// come of it; afterwards it does nothing.
func (s *Store) Remove(ctx context.Context, id execution.ID) error {
	_, err := s.executions.DeleteOne(ctx, bson.M{"_id": id, "status": execution.Queued, "scheduled_at": missing, "started_at": missing})
	return kinded(err)
}

// SetCancel notes who asks for the end of id, and why. Who asks first is noted,
// whoever asks after that changes nothing. It is a Conflict if id has ended.
func (s *Store) SetCancel(ctx context.Context, id execution.ID, by, reason string) error {
	done, err := s.executions.UpdateOne(ctx,
		bson.M{"_id": id, "status": bson.M{"$in": open}, "cancelled_by": missing},
		bson.M{"$set": bson.M{"cancelled_by": by, "cancel_reason": reason}})
	if err != nil || done.MatchedCount > 0 {
		return kinded(err)
	}
	x, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if x.Status.Terminal() {
		return execution.Errorf(execution.Conflict, "the execution has ended: %s", x.Status)
	}
	return nil
}

var (
	open    = before(execution.Completed) // the statuses before the end
	missing = bson.M{"$exists": false}
)

// before lists the statuses that may become next.
func before(next execution.Status) (from []execution.Status) {
	for _, s := range []execution.Status{execution.Queued, execution.Scheduled, execution.Running} {
		if s.CanBecome(next) {
			from = append(from, s)
		}
	}
	return from
}

// kinded sorts an error of the database: the same request works when it is
// back, or when another of its servers has taken over.
func kinded(err error) error {
	if err == nil {
		return nil
	}
	away := mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, mongo.ErrClientDisconnected)
	if answer, ok := errors.AsType[mongo.LabeledError](err); ok {
		away = away || answer.HasErrorLabel("RetryableWriteError") || answer.HasErrorLabel("TransientTransactionError")
	}
	if w, ok := errors.AsType[mongo.WriteException](err); ok {
		away = away || w.WriteConcernError != nil
	}
	if away {
		return execution.Errorf(execution.Unavailable, "mongodb: %w", err)
	}
	return err
}

// moment is now, as the database keeps it.
func moment() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
