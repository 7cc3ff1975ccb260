package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// poolLimits is what everybody may know of how a pool admits.
type poolLimits struct {
	Pool            string   `json:"pool"`
	CPUMillis       int64    `json:"cpu_millis"`   // of one run at most; 0: no bound
	MemoryBytes     int64    `json:"memory_bytes"` // likewise
	UserRunning     int      `json:"max_running_per_user"`
	UserQueued      int      `json:"max_queued_per_user"`
	Queued          int      `json:"max_queued"`
	MaxQueueSeconds float64  `json:"max_queue_seconds"`
	Paused          bool     `json:"paused"`
	PausedLanguages []string `json:"paused_languages"`
}

// limits tells what an execution may ask for.
func (s *Server) limits(c *gin.Context) error {
	pools, err := s.policies.get(c.Request.Context(), s)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", cached)
	c.JSON(http.StatusOK, gin.H{
		"limits": s.Bounds, "pools": s.Pools, "pool_limits": pools,
		"priorities":          []execution.Priority{execution.Critical, execution.High, execution.Normal, execution.Low, execution.Background},
		"operator_priorities": []execution.Priority{execution.Critical, execution.High},
		"input":               execution.MaxInput, "artifacts": execution.MaxArtifacts,
		"egress_allowed": s.EgressAllowed.Strings(), "callbacks": s.CallbackURL != nil,
		"comparisons": execution.Comparisons, "signals": execution.Signals,
	})
	return nil
}

// policyCache keeps what anybody may ask for, so that it costs the database
// nothing. It is never older than policyLife (parity EX-08).
type policyCache struct {
	mu    sync.Mutex
	pools []poolLimits
	at    time.Time
}

const policyLife = 5 * time.Second

func (p *policyCache) get(ctx context.Context, s *Server) ([]poolLimits, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pools != nil && time.Since(p.at) < policyLife {
		return p.pools, nil
	}
	at, pools := time.Now(), make([]poolLimits, len(s.Pools))
	for i, name := range s.Pools {
		l, err := s.Policies.Policy(ctx, name)
		if err != nil {
			return nil, err
		}
		largest := l.Largest()
		pools[i] = poolLimits{
			Pool: name, CPUMillis: largest.CPUMillis, MemoryBytes: largest.MemoryBytes, UserRunning: l.UserRunning, UserQueued: l.UserQueued, Queued: l.Queued,
			MaxQueueSeconds: l.MaxQueueSeconds, Paused: l.Paused, PausedLanguages: append([]string{}, l.PausedLanguages...),
		}
	}
	p.pools, p.at = pools, at
	return pools, nil
}

// forget makes the next who asks read anew.
func (p *policyCache) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pools = nil
}
