package store

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

// noticeLife is how long a notice is kept (parity NO-02).
const noticeLife = 30 * 24 * time.Hour

// graved marks a notice that its user has deleted: it stays until it expires, so
// that it does not come again.
const graved = "deleted"

// KeepNotice keeps n, unless that was done, behind all that its user has. The
// numbers of a user's notices ascend because one consumer at a time has them;
// should there ever be two, the second to write finds its number taken.
func (s *Store) KeepNotice(ctx context.Context, n execution.Notice) error {
	for {
		last, err := s.LastNotice(ctx, n.UserID)
		if err != nil {
			return err
		}
		n.Number = max(last+1, time.Now().UnixMicro())
		_, err = s.notices.InsertOne(ctx, n)
		if !mongo.IsDuplicateKeyError(err) {
			return kinded(err)
		}
		there, err := s.notices.CountDocuments(ctx, bson.M{"_id": n.ID})
		if err != nil || there > 0 {
			return kinded(err)
		}
	}
}

// LastNotice is the number of the newest notice to user; 0 if there is none.
func (s *Store) LastNotice(ctx context.Context, user string) (int64, error) {
	var last execution.Notice
	err := s.notices.FindOne(ctx, bson.M{"user_id": user}, options.FindOne().SetSort(bson.D{{Key: "number", Value: -1}})).Decode(&last)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return last.Number, kinded(err)
}

// NoticesSince returns the notices to user behind the one with a number, the
// oldest first, and no more than limit.
func (s *Store) NoticesSince(ctx context.Context, user string, number int64, limit int) (all []execution.Notice, err error) {
	found, err := s.notices.Find(ctx, bson.M{"user_id": user, "number": bson.M{"$gt": number}, graved: nil},
		options.Find().SetSort(up("number")).SetLimit(int64(limit)))
	if err != nil {
		return nil, kinded(err)
	}
	return all, kinded(found.All(ctx, &all))
}

// Notices returns a page of those to user that f chooses, the newest first, and
// the cursor of the next page; it is empty after the last.
func (s *Store) Notices(ctx context.Context, user string, f execution.NoticeFilter) (page []execution.Notice, next string, err error) {
	query := bson.M{"user_id": user, graved: nil}
	if f.Unread {
		query["read"] = nil
	}
	if f.Severity != "" {
		query["severity"] = f.Severity
	}
	if prefix, open := strings.CutSuffix(f.Tag, "*"); open {
		query["tags"] = bson.Regex{Pattern: "^" + regexp.QuoteMeta(prefix)}
	} else if f.Tag != "" {
		query["tags"] = f.Tag
	}
	if f.Cursor != "" {
		before, err := strconv.ParseInt(f.Cursor, 10, 64)
		if err != nil || before < 1 {
			return nil, "", execution.FieldErrors{{Field: "cursor", Rule: "is not from a page before"}}
		}
		query["number"] = bson.M{"$lt": before}
	}
	found, err := s.notices.Find(ctx, query, options.Find().SetSort(bson.D{{Key: "number", Value: -1}}).SetLimit(int64(f.Limit)+1))
	if err != nil {
		return nil, "", kinded(err)
	}
	return pageOf(ctx, found, f.Limit, func(last execution.Notice) string { return strconv.FormatInt(last.Number, 10) })
}

// UnreadNotices counts those to user that were not read.
func (s *Store) UnreadNotices(ctx context.Context, user string) (int64, error) {
	n, err := s.notices.CountDocuments(ctx, bson.M{"user_id": user, "read": nil, graved: nil})
	return n, kinded(err)
}

// ReadNotice notes that user has read one, and returns it; NotFound if there is
// no such notice to that user.
func (s *Store) ReadNotice(ctx context.Context, user, id string) (n execution.Notice, err error) {
	mine := bson.M{"_id": id, "user_id": user, graved: nil}
	if _, err := s.notices.UpdateOne(ctx, bson.M{"_id": id, "user_id": user, graved: nil, "read": nil}, bson.M{"$set": bson.M{"read": moment()}}); err != nil {
		return n, kinded(err)
	}
	err = s.notices.FindOne(ctx, mine).Decode(&n)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return n, noNotice(id)
	}
	return n, kinded(err)
}

// ReadNotices notes that user has read all, and returns how many that changed.
func (s *Store) ReadNotices(ctx context.Context, user string) (int64, error) {
	done, err := s.notices.UpdateMany(ctx, bson.M{"user_id": user, "read": nil, graved: nil}, bson.M{"$set": bson.M{"read": moment()}})
	if err != nil {
		return 0, kinded(err)
	}
	return done.ModifiedCount, nil
}

// DeleteNotice deletes one of user's, of which nothing is left but that it was
// there; NotFound if there is no such notice to that user.
func (s *Store) DeleteNotice(ctx context.Context, user, id string) error {
	done, err := s.notices.UpdateOne(ctx, bson.M{"_id": id, "user_id": user, graved: nil},
		bson.M{"$set": bson.M{graved: true}, "$unset": bson.M{"subject": "", "body": "", "tags": "", "execution_id": ""}})
	if err == nil && done.MatchedCount == 0 {
		return noNotice(id)
	}
	return kinded(err)
}

func noNotice(id string) error { return execution.Errorf(execution.NotFound, "no notice %s", id) }
