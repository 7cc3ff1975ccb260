package store

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/codesaga/codesaga/execution"
)

// claim is an idempotency key, and what was done under it.
type claim struct {
	ID          string       `bson:"_id"`
	Digest      []byte       `bson:"digest"` // of the body
	ExecutionID execution.ID `bson:"execution_id"`
	CreatedAt   time.Time    `bson:"created_at"`
}

// Claim notes that user submits a body with digest under key, as the execution
// id. If that was done in the last 24 h it returns the execution of then, and
// true; if it was with another body, an Invalid FieldErrors. Of many who claim
// at once one is first.
func (s *Store) Claim(ctx context.Context, user, key string, digest [32]byte, id execution.ID) (_ execution.ID, replayed bool, err error) {
	mine := claim{ID: claimID(user, key), Digest: digest[:], ExecutionID: id, CreatedAt: moment()}
	for {
		_, err := s.keys.InsertOne(ctx, mine)
		if !mongo.IsDuplicateKeyError(err) {
			return id, false, kinded(err)
		}
		var theirs claim
		err = s.keys.FindOne(ctx, bson.M{"_id": mine.ID}).Decode(&theirs)
		switch {
		case errors.Is(err, mongo.ErrNoDocuments): // it was taken back meanwhile
			continue
		case err != nil:
			return "", false, kinded(err)
		case time.Since(theirs.CreatedAt) >= keyLife: // the server removes what is old when it likes
			if _, err := s.keys.DeleteOne(ctx, bson.M{"_id": mine.ID, "created_at": theirs.CreatedAt}); err != nil {
				return "", false, kinded(err)
			}
			continue
		case string(theirs.Digest) != string(mine.Digest):
			return "", false, execution.FieldErrors{{Field: "Idempotency-Key", Rule: "was used with another body"}}
		default:
			return theirs.ExecutionID, true, nil
		}
	}
}

// Unclaim takes a claim back, because the submission under it has failed.
func (s *Store) Unclaim(ctx context.Context, user, key string) error {
	_, err := s.keys.DeleteOne(ctx, bson.M{"_id": claimID(user, key)})
	return kinded(err)
}

// claimID is unambiguous, because a key is visible ASCII without a space.
func claimID(user, key string) string { return user + " " + key }
