package store

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/codesaga/codesaga/execution"
)

func (s *Store) storedPolicies(ctx context.Context) (all []execution.RedrivePolicy, err error) {
	found, err := s.redrivePolicies.Find(ctx, bson.M{}, options.Find().SetSort(bson.M{"_id": 1}))
	if err == nil {
		err = found.All(ctx, &all)
	}
	return all, kinded(err)
}

// RedrivePolicies are the policies that were set, and of the defaults those
// that none of them replaces.
func (s *Store) RedrivePolicies(ctx context.Context) ([]execution.RedrivePolicy, error) {
	all, err := s.storedPolicies(ctx)
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, p := range all {
		set[p.ID] = true
	}
	for _, p := range execution.DefaultRedrivePolicies {
		if !set[p.ID] {
			all = append(all, p)
		}
	}
	return all, nil
}

// SetRedrivePolicy keeps p, and plans the letters anew that wait under it. It
// returns those: their workflows are to be woken.
func (s *Store) SetRedrivePolicy(ctx context.Context, p execution.RedrivePolicy) (replanned []string, err error) {
	p.ID = execution.RedrivePolicyID(p)
	if _, err := s.redrivePolicies.ReplaceOne(ctx, bson.M{"_id": p.ID}, p, options.Replace().SetUpsert(true)); err != nil {
		return nil, kinded(err)
	}
	return s.replan(ctx)
}

// RemoveRedrivePolicy goes back to what is there without the policy id, and
// plans letters anew. It is NotFound if it was not set.
func (s *Store) RemoveRedrivePolicy(ctx context.Context, id string) (replanned []string, err error) {
	gone, err := s.redrivePolicies.DeleteOne(ctx, bson.M{"_id": id})
	if err != nil {
		return nil, kinded(err)
	}
	if gone.DeletedCount == 0 {
		return nil, execution.Errorf(execution.NotFound, "no policy %s was set", id)
	}
	return s.replan(ctx)
}

// replan plans all letters anew that are pending or scheduled and not on their
// way, and returns those for which that changed something. What was parked
// waits for a person; what a person has asked for since it died, goes.
func (s *Store) replan(ctx context.Context) (changed []string, err error) {
	policies, err := s.storedPolicies(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.letters.Find(ctx, bson.M{"status": bson.M{"$in": bson.A{execution.LetterPending, execution.LetterScheduled}}, "sent": missing},
		options.Find().SetProjection(bson.M{"value": 0, "headers": 0}))
	if err != nil {
		return nil, kinded(err)
	}
	defer found.Close(ctx)
	for found.Next(ctx) {
		var l execution.Letter
		if err := found.Decode(&l); err != nil {
			return changed, err
		}
		if n := len(l.History); n > 0 && l.History[n-1].What == "asked" {
			continue
		}
		set, unset, status := planned(execution.PolicyOf(policies, l), l, l.UpdatedAt) // when it last died
		if due, _ := set["due"].(time.Time); status == l.Status && due.Equal(l.Due) {
			continue
		}
		done, err := s.letters.UpdateOne(ctx, bson.M{"_id": l.ID, "status": l.Status, "round": l.Round, "sent": missing, "updated_at": l.UpdatedAt}, bson.M{"$set": set, "$unset": unset})
		if err != nil {
			return changed, kinded(err)
		}
		if done.MatchedCount > 0 {
			changed = append(changed, l.ID)
		}
	}
	return changed, kinded(found.Err())
}
