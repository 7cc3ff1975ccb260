package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// End gives an execution its one ending, unless it has one, and returns the
// result that is stored, which may be of an earlier ending than e. It waits
// until the output that e counts is stored; after Patience it stores the ending
// without, marked as incomplete. The condition is in the query, so that of two
// who try at once one succeeds. An execution that does not exist is NotFound.
func (s *Store) End(ctx context.Context, e execution.Event) (execution.Result, error) {
	if e.Outcome == nil || !e.Outcome.Status.Terminal() {
		return execution.Result{}, execution.Errorf(execution.Invalid, "%s is no ending", e.ID)
	}
	x, err := s.Get(ctx, e.ExecutionID)
	if err != nil {
		return execution.Result{}, err
	}
	if !x.Status.Terminal() {
		if err := s.end(ctx, x, e); err != nil {
			return execution.Result{}, err
		}
		if x, err = s.Get(ctx, e.ExecutionID); err != nil {
			return execution.Result{}, err
		}
	}
	return s.Result(ctx, x)
}

// end is the one write of an ending.
func (s *Store) end(ctx context.Context, x execution.Execution, e execution.Event) error {
	output, err := s.complete(ctx, e)
	if err != nil {
		return err
	}
	judge, err := s.judge(ctx, x, *e.Outcome, output)
	if err != nil {
		return err
	}
	set := bson.M{
		"status": e.Outcome.Status, "outcome": e.Outcome, "usage": e.Usage, "output": output,
		"finished_at": e.At, "stored_at": moment(),
	}
	if judge != nil {
		set["judge"] = judge
	}
	if output != nil && output.Incomplete { // what comes late must not change what is told
		if set["told"], err = s.heads(ctx, e.ExecutionID); err != nil {
			return err
		}
	}
	if e.Usage != nil && e.Usage.FinishedAt != nil {
		set["finished_at"] = *e.Usage.FinishedAt
	}
	if e.Usage != nil && e.Usage.StartedAt != nil {
		set["started_at"] = *e.Usage.StartedAt
	}
	_, err = s.executions.UpdateOne(ctx,
		bson.M{"_id": e.ExecutionID, "status": bson.M{"$in": open}},
		bson.M{"$set": set, "$unset": gone(e.Outcome.Status)})
	return kinded(err)
}

// judge compares what x printed with what it should, if anybody wants that. Only
// a run that completed, and whose output is all there, can pass.
func (s *Store) judge(ctx context.Context, x execution.Execution, o execution.Outcome, printed *execution.Output) (*execution.Judge, error) {
	switch {
	case x.Expected == nil:
		return nil, nil
	case o.Status != execution.Completed:
		return &execution.Judge{Detail: "the run did not complete: " + string(o.Status)}, nil
	case printed == nil || printed.Incomplete:
		return &execution.Judge{Detail: "not all of the output came in time to be stored"}, nil
	case printed.StdoutTruncated:
		return &execution.Judge{Detail: "more was printed than is kept"}, nil
	}
	var stdout strings.Builder
	if _, err := s.Output(ctx, x.ID, execution.Stdout, &stdout, -1); err != nil {
		return nil, err
	}
	return new(x.Expected.Judge(stdout.String())), nil
}

// complete waits for the output that e counts, and returns how much of it there
// is. If e counts none, it is what was stored so far, or nil if there is none:
// whoever lost the pod does not know what it printed.
func (s *Store) complete(ctx context.Context, e execution.Event) (*execution.Output, error) {
	if e.Output == nil {
		return s.printed(ctx, e.ExecutionID)
	}
	output := *e.Output
	late := time.Now().Add(cmp.Or(s.Patience, 30*time.Second))
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		there, err := s.recorded(ctx, e.ExecutionID, output.Chunks)
		if err != nil || there {
			return &output, err
		}
		if !time.Now().Before(late) {
			output.Incomplete = true
			return &output, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// recorded reports whether the chunks 1 to n of id are there. It counts only
// once the last one is, because they come in order.
func (s *Store) recorded(ctx context.Context, id execution.ID, n int64) (bool, error) {
	if n == 0 {
		return true, nil
	}
	last, err := s.chunks.CountDocuments(ctx, bson.M{"execution_id": id, "number": n})
	if err != nil || last == 0 {
		return false, kinded(err)
	}
	all, err := s.chunks.CountDocuments(ctx, bson.M{"execution_id": id, "number": bson.M{"$lte": n}})
	return all == n, kinded(err)
}

// printed measures the output of id that is stored.
func (s *Store) printed(ctx context.Context, id execution.ID) (*execution.Output, error) {
	found, err := s.chunks.Find(ctx, bson.M{"execution_id": id}, options.Find().SetBatchSize(64))
	if err != nil {
		return nil, kinded(err)
	}
	var chunks int64
	output := execution.Output{Incomplete: true}
	defer found.Close(context.WithoutCancel(ctx))
	for found.Next(ctx) {
		var c execution.Chunk
		if err := found.Decode(&c); err != nil {
			return nil, err
		}
		chunks = max(chunks, c.Number)
		end := c.Position + int64(len(c.Bytes))
		if bytes := map[execution.Stream]*int64{
			execution.Stdout: &output.StdoutBytes, execution.Stderr: &output.StderrBytes, execution.Compile: &output.CompileBytes,
		}[c.Stream]; bytes != nil { // of artifacts nobody knows where one ends
			*bytes = max(*bytes, end)
		}
	}
	if output.Chunks = chunks; chunks == 0 {
		return nil, kinded(found.Err())
	}
	return &output, kinded(found.Err())
}

// Result returns the result of x, which has ended: the beginning of each stream
// and where all of it is. It is a Conflict if x has not ended.
func (s *Store) Result(ctx context.Context, x execution.Execution) (execution.Result, error) {
	if x.Outcome == nil {
		return execution.Result{}, execution.Errorf(execution.Conflict, "the execution has not ended: %s", x.Status)
	}
	r := execution.Result{
		ExecutionID: x.ID, UserID: x.UserID, StoredAt: x.StoredAt, Outcome: *x.Outcome, Usage: x.Usage, Output: x.Output,
		OutputURL: "/api/v1/executions/" + string(x.ID) + "/output?stream=", BatchID: x.BatchID, BatchIndex: x.BatchIndex,
		Language: x.Language, CancelledBy: x.CancelledBy,
	}
	if x.Output == nil {
		return r, nil
	}
	h, err := s.toldOf(ctx, x)
	r.Stdout, r.Stderr, r.Compile = h.Stdout, h.Stderr, h.Compile
	return r, err
}

// heads are the beginnings of the streams of an execution.
type heads struct {
	Stdout  []byte `bson:"stdout,omitempty"`
	Stderr  []byte `bson:"stderr,omitempty"`
	Compile []byte `bson:"compile,omitempty"`
}

func (s *Store) heads(ctx context.Context, id execution.ID) (h heads, err error) {
	for stream, head := range map[execution.Stream]*[]byte{execution.Stdout: &h.Stdout, execution.Stderr: &h.Stderr, execution.Compile: &h.Compile} {
		if *head, err = s.head(ctx, id, stream); err != nil {
			return heads{}, err
		}
	}
	return h, nil
}

// toldOf are the heads that the result of x tells, each time the same: of one
// that was stored without all of its output those that were there then.
func (s *Store) toldOf(ctx context.Context, x execution.Execution) (heads, error) {
	if !x.Output.Incomplete {
		return s.heads(ctx, x.ID)
	}
	var row struct {
		Told heads `bson:"told"`
	}
	err := s.executions.FindOne(ctx, bson.M{"_id": x.ID}, options.FindOne().SetProjection(bson.M{"told": 1})).Decode(&row)
	return row.Told, kinded(err)
}
