package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/codesaga/codesaga/execution"
)

// poolPath is the path of a pool, or of something to do with it.
func poolPath(pool, of string) string { return "/admin/pools/" + url.PathEscape(pool) + of }

// pools asks how all pools stand.
func (c *call) pools(ctx context.Context) (all []execution.PoolStatus, raw json.RawMessage, err error) {
	if err := c.api.get(ctx, "/admin/queue", &raw); err != nil {
		return nil, nil, err
	}
	var p struct {
		Pools []execution.PoolStatus `json:"pools"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, nil, fmt.Errorf("queue: %w", err)
	}
	return p.Pools, raw, nil
}

// doQueue shows how the pools stand, and who waits.
func doQueue(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	asJSON := fs.Bool("json", false, jsonHelp)
	if _, err := c.parseMixed(fs, args, 0, 0); err != nil {
		return err
	}
	all, raw, err := c.pools(ctx)
	switch {
	case err != nil:
		return err
	case *asJSON:
		return c.printJSON(raw)
	}
	pools := [][]string{{"POOL", "RUNNING", "WAITING", "OLDEST", "MEAN RUN", "CPU", "MEMORY", "PAUSED"}}
	levels := [][]string{{"POOL", "CRITICAL", "HIGH", "NORMAL", "LOW", "BACKGROUND"}}
	users := [][]string{{"POOL", "USER", "WAITING", "RUNNING"}}
	for _, p := range all {
		pools = append(pools, poolRow(p))
		if p.Waiting > 0 {
			level := []string{p.Pool}
			for _, name := range levels[0][1:] {
				level = append(level, fmt.Sprint(p.ByPriority[strings.ToLower(name)]))
			}
			levels = append(levels, level)
		}
		for _, u := range p.TopUsers {
			users = append(users, []string{p.Pool, u.UserID, fmt.Sprint(u.Waiting), fmt.Sprint(u.Running)})
		}
	}
	return c.printTables(pools, levels, users)
}

// poolRow is a pool in a table: what is taken, of how much there is.
func poolRow(p execution.PoolStatus) []string {
	var oldest, mean, paused string
	if p.Waiting > 0 {
		oldest = secondsText(p.OldestWait)
	}
	if p.MeanHold > 0 {
		mean = secondsText(p.MeanHold)
	}
	switch {
	case p.Policy.Paused:
		paused = "all"
	default:
		paused = strings.Join(p.Policy.PausedLanguages, ", ")
	}
	return []string{
		p.Pool, of(fmt.Sprint(p.Running), fmt.Sprint(p.Policy.Executions), p.Policy.Executions > 0), fmt.Sprint(p.Waiting), oldest, mean,
		of(figure(float64(p.CPUMillis)/1000), figure(float64(p.Budget.CPUMillis)/1000), p.Budget.CPUMillis > 0),
		of(bytesText(p.MemoryBytes), bytesText(p.Budget.MemoryBytes), p.Budget.MemoryBytes > 0), paused,
	}
}

// of is n, and what it can be at most, if that is bounded.
func of(n, most string, bounded bool) string {
	if !bounded {
		return n
	}
	return n + " of " + most
}

// doQueuePause pauses or resumes one pool, or all.
func doQueuePause(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	var body struct {
		Language string `json:"language,omitempty"`
	}
	fs.StringVar(&body.Language, "language", "", "only runs in this language, by its `ID`")
	pools, err := c.parseMixed(fs, args, 0, 1)
	if err != nil {
		return err
	}
	verb := "/" + strings.TrimPrefix(c.cmd.Name, "queue ")
	if len(pools) == 0 {
		return c.post(ctx, "/admin/queue"+verb, body)
	}
	return c.post(ctx, poolPath(pools[0], verb), body)
}

// doQueueMove gives a run that waits another priority.
func doQueueMove(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 2, 2)
	if err != nil {
		return err
	}
	if execution.Priority(rest[1]).Level() == 0 {
		return usagef("queue move: %q is none of critical, high, normal, low, background", rest[1])
	}
	return c.send(ctx, http.MethodPut, "/admin"+executionPath(rest[0], "/priority"), map[string]string{"priority": rest[1]}, nil)
}

// doQueueDrop takes a run that waits out of the queue.
func doQueueDrop(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	reason := fs.String("reason", "", "`TEXT` that is kept with the run")
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, "/admin"+executionPath(rest[0], "/drop"), reasonOf(*reason))
}

// doQueueSet changes some of the policy of a pool.
func doQueueSet(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	change := map[string]any{}
	bound := func(name, field, help string, parse func(string) (int64, bool), form string) {
		fs.Func(name, help, func(s string) error {
			n, ok := parse(s)
			if !ok || n < 0 {
				return fmt.Errorf("must be %s", form)
			}
			change[field] = n
			return nil
		})
	}
	const aNumber, aTime = "a whole number", "whole seconds, such as 10m or 600"
	bound("max-executions", "max_executions", "`N` runs at once", parseCount, aNumber)
	bound("cpu", "cpu_millis", "`CORES` that the pool has; 0: no bound", parseCPU, "cores, such as 500m or 32")
	bound("memory", "memory_bytes", "`BYTES` that the pool has, such as 64Gi; 0: no bound", parseSize, "bytes, such as 64Gi")
	factor := func(name, field, help string) {
		fs.Func(name, help, func(s string) error {
			n, err := strconv.ParseFloat(s, 64)
			if err != nil || !(n >= 0) || math.IsInf(n, 0) {
				return errors.New("must be a number, such as 1.2")
			}
			change[field] = n
			return nil
		})
	}
	factor("reserve", "reserve_percent", "`PERCENT` of CPU and memory that no run gets; 2 cores and 4 GiB at most")
	factor("overcommit", "overcommit", "how many `TIMES` the rest may be given out")
	bound("max-running-per-user", "max_running_per_user", "`N` runs of one user at once; 0: no bound", parseCount, aNumber)
	bound("max-queued-per-user", "max_queued_per_user", "`N` runs of one user that wait; 0: no bound", parseCount, aNumber)
	bound("max-queued", "max_queued", "`N` runs that wait; 0: no bound", parseCount, aNumber)
	bound("max-queue-time", "max_queue_seconds", "`TIME` after which a run that waits ends; 0: never", parseSeconds, aTime)
	bound("ageing", "ageing_seconds", "`TIME` after which a run that waits counts as one priority higher; 0: never", parseSeconds, aTime)
	weights := weightFlags{}
	fs.Func("weight", "`USER=W` of the pool that a user has against the 1 of others; repeatable", weights.set)
	rest, err := c.parseMixed(fs, args, 1, 1)
	if err != nil {
		return err
	}
	pool := rest[0]
	if len(weights) > 0 {
		if change["weights"], err = c.weights(ctx, pool, weights); err != nil {
			return err
		}
	}
	if len(change) == 0 {
		return usagef("queue set: nothing to change; see codesaga queue set --help")
	}
	return c.send(ctx, http.MethodPatch, poolPath(pool, ""), change, nil)
}

// weightFlags are users and their weights.
type weightFlags map[string]float64

func (w weightFlags) set(s string) error {
	user, text, _ := strings.Cut(s, "=")
	weight, err := strconv.ParseFloat(text, 64)
	if user == "" || err != nil || !(weight > 0) || math.IsInf(weight, 0) {
		return errors.New("must be USER=W, such as ann=2")
	}
	w[user] = weight
	return nil
}

// weights are those that a pool has, with changes; a weight of 1 is that of
// everybody.
func (c *call) weights(ctx context.Context, pool string, changed weightFlags) ([]execution.Weight, error) {
	all, _, err := c.pools(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p execution.PoolStatus) bool { return p.Pool == pool })
	if i < 0 {
		return nil, usagef("queue set: there is no pool %s", pool)
	}
	merged := []execution.Weight{}
	for _, w := range all[i].Policy.Weights {
		if _, ok := changed[w.UserID]; !ok {
			merged = append(merged, w)
		}
	}
	for user, weight := range changed {
		if weight != 1 {
			merged = append(merged, execution.Weight{UserID: user, Weight: weight})
		}
	}
	slices.SortFunc(merged, func(a, b execution.Weight) int { return strings.Compare(a.UserID, b.UserID) })
	return merged, nil
}
