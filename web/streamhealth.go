package web

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// StreamHealth is how the streams of one process stand.
type StreamHealth struct {
	Status      string       `json:"status"` // healthy, or draining: no new ones begin
	Connections int          `json:"active_connections"`
	Executions  int          `json:"active_executions"` // that somebody follows
	Consumers   int          `json:"consumers"`         // readers of partitions, however many streams there are
	Buffer      bufferView   `json:"buffer"`
	PerUser     int          `json:"max_streams_per_user"` // 0: any number
	Heartbeat   float64      `json:"heartbeat_seconds"`
	Shutdown    shutdownView `json:"shutdown"`
}

// bufferView is what waits to be sent.
type bufferView struct {
	Updates        int `json:"updates"`
	Bytes          int `json:"bytes"`
	FullestUpdates int `json:"fullest_updates"` // of one stream
	FullestBytes   int `json:"fullest_bytes"`
	MaxUpdates     int `json:"max_updates"` // likewise: one that has more is cut
	MaxBytes       int `json:"max_bytes"`
}

// streamHealth tells how the streams of this process stand.
func (s *Server) streamHealth(c *gin.Context) error {
	live := s.Live.Figures()
	h := StreamHealth{
		Status: "healthy", Connections: s.seats.open(), Executions: live.Executions, Consumers: live.Readers, PerUser: s.MaxStreams,
		Buffer:    bufferView{live.Updates, live.Bytes, live.FullestUpdates, live.FullestBytes, live.MaxUpdates, live.MaxBytes},
		Heartbeat: s.heartbeat().Seconds(), Shutdown: s.shutdown.view(),
	}
	if s.closing() {
		h.Status = "draining"
	}
	c.JSON(http.StatusOK, h)
	return nil
}
