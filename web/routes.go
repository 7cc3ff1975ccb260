package web

import (
	"crypto/rand"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

func init() { gin.SetMode(gin.ReleaseMode) } // or gin prints its routes

func (s *Server) build() {
	if s.Registry == nil {
		s.Registry = prometheus.NewRegistry()
	}
	if len(s.Pools) == 0 {
		s.Pools = []string{"default"}
	}
	if len(s.LinkSecret) == 0 {
		s.LinkSecret = []byte(rand.Text())
	}
	s.batching = semaphore.NewWeighted(batchesAtOnce)
	s.metrics = newMetrics(s.Registry, s.Executions != nil)
	r := gin.New()
	r.RedirectTrailingSlash = false
	r.HandleMethodNotAllowed = true
	r.Use(s.correlate, s.trace, secure, s.observe, s.recover)
	r.NoRoute(s.handle(s.page))
	r.NoMethod(s.handle(func(c *gin.Context) error {
		return newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "this route has "+c.Writer.Header().Get("Allow"))
	}))

	r.GET("/healthz", s.handle(healthz))
	r.GET("/readyz", s.handle(s.readyz))
	r.GET("/metrics", s.handle(s.exposition))
	if s.Executions != nil {
		s.serveAPI(r)
	}
	s.routes = r
}

func (s *Server) serveAPI(r *gin.Engine) {
	r.GET("/openapi.yaml", s.handle(openapi))
	r.GET("/asyncapi.json", s.handle(s.asyncapi))
	r.GET("/api/v1/languages", s.handle(s.languages))
	r.GET("/api/v1/limits", s.handle(s.limits))
	r.GET("/api/v1/about", s.handle(s.about))

	api := r.Group("/api/v1", s.handle(s.here))
	api.GET("/executions/:id/artifacts/*path", s.handle(s.knownOrSigned), s.handle(s.artifact))

	mine := api.Group("", s.handle(s.known))
	x := mine.Group("/executions")
	x.POST("", s.handle(s.submit))
	x.GET("", s.handle(s.list))
	x.GET("/:id", s.handle(s.get))
	x.POST("/:id/cancel", s.handle(s.cancel))
	x.POST("/:id/retry", s.handle(s.retry))
	x.POST("/:id/input", s.handle(s.input))
	x.GET("/:id/events", s.handle(s.events))
	x.GET("/:id/output", s.handle(s.output))
	x.GET("/:id/stream", s.handle(s.stream))
	x.GET("/:id/ws", s.handle(s.socket))
	x.GET("/:id/artifacts", s.handle(s.artifacts))
	x.POST("/:id/artifacts/links", s.handle(s.link))
	x.GET("/:id/saga", s.handle(s.saga))
	x.GET("/:id/callback", s.handle(s.callback))
	x.POST("/:id/callback/redeliver", s.handle(s.redeliver))

	sagas := mine.Group("/sagas")
	sagas.GET("", s.handle(s.sagas))
	sagas.GET("/:id", s.handle(s.saga))
	sagas.POST("/:id/cancel", s.handle(s.cancel))
	sagas.POST("/:id/retry-step", s.handle(s.operators), s.handle(s.retryStep))

	admin := mine.Group("/admin", s.handle(s.operators))
	admin.GET("/queue", s.handle(s.queueStatus))
	admin.POST("/queue/pause", s.handle(s.pauseAll))
	admin.POST("/queue/resume", s.handle(s.resumeAll))
	admin.PUT("/pools/:pool", s.handle(s.setPolicy))
	admin.PATCH("/pools/:pool", s.handle(s.patchPolicy))
	admin.POST("/pools/:pool/pause", s.handle(s.pause))
	admin.POST("/pools/:pool/resume", s.handle(s.resume))
	admin.PUT("/executions/:id/priority", s.handle(s.setPriority))
	admin.POST("/executions/:id/drop", s.handle(s.drop))

	admin.GET("/consumers", s.handle(s.consumerGroups))
	admin.POST("/consumers/:group/pause", s.handle(s.pauseGroup))
	admin.POST("/consumers/:group/resume", s.handle(s.resumeGroup))

	letters := admin.Group("/letters")
	letters.GET("", s.handle(s.listLetters))
	letters.POST("/retry", s.handle(s.retryLetters))
	letters.GET("/statistics", s.handle(s.letterFigures))
	letters.GET("/policies", s.handle(s.redrivePolicies))
	letters.PUT("/policies", s.handle(s.setRedrivePolicy))
	letters.DELETE("/policies/:id", s.handle(s.removeRedrivePolicy))
	letters.GET("/:id", s.handle(s.letter))
	letters.PATCH("/:id", s.handle(s.refuseEdit))
	letters.POST("/:id/retry", s.handle(s.retryLetter))
	letters.POST("/:id/discard", s.handle(s.decideLetter("discard")))
	letters.POST("/:id/archive", s.handle(s.decideLetter("archive")))
	letters.POST("/:id/restore", s.handle(s.decideLetter("restore")))

	replays := admin.Group("/replays")
	replays.POST("", s.handle(s.createReplay))
	replays.GET("", s.handle(s.listReplays))
	replays.POST("/preview", s.handle(s.previewReplay))
	replays.POST("/cleanup", s.handle(s.cleanReplays))
	replays.GET("/:id", s.handle(s.replay))
	replays.GET("/:id/progress", s.handle(s.replayProgress))
	replays.GET("/:id/stream", s.handle(s.replayStream))
	replays.GET("/:id/download", s.handle(s.downloadReplay))
	replays.POST("/:id/start", s.handle(s.moveReplay("start")))
	replays.POST("/:id/pause", s.handle(s.moveReplay("pause")))
	replays.POST("/:id/resume", s.handle(s.moveReplay("resume")))
	replays.POST("/:id/cancel", s.handle(s.moveReplay("cancel")))
	replays.POST("/:id/retry-failed", s.handle(s.moveReplay("retry-failed")))

	batches := mine.Group("/batches")
	batches.POST("", s.handle(s.submitBatch))
	batches.GET("", s.handle(s.listBatches))
	batches.GET("/:id", s.handle(s.batch))
	batches.GET("/:id/items", s.handle(s.batchItems))
	batches.GET("/:id/stream", s.handle(s.batchStream))
	batches.POST("/:id/cancel", s.handle(s.cancelBatch))

	schedules := mine.Group("/schedules")
	schedules.POST("", s.handle(s.createSchedule))
	schedules.GET("", s.handle(s.listSchedules))
	schedules.GET("/:id", s.handle(s.schedule))
	schedules.DELETE("/:id", s.handle(s.deleteSchedule))
	schedules.POST("/:id/pause", s.handle(s.pauseSchedule))
	schedules.POST("/:id/resume", s.handle(s.resumeSchedule))
	schedules.POST("/:id/trigger", s.handle(s.triggerSchedule))

	inbox := mine.Group("/notifications")
	inbox.GET("", s.handle(s.notices))
	inbox.GET("/stream", s.handle(s.noticeStream))
	inbox.POST("/read-all", s.handle(s.readNotices))
	inbox.POST("/:id/read", s.handle(s.readNotice))
	inbox.DELETE("/:id", s.handle(s.deleteNotice))

	mine.GET("/streams/health", s.handle(s.operators), s.handle(s.streamHealth))
	mine.GET("/usage", s.handle(s.usage))
	mine.GET("/statistics", s.handle(s.ownStatistics))
	mine.GET("/events", s.handle(s.ownEvents))
	mine.GET("/events/stats", s.handle(s.ownEventCounts))
	mine.GET("/events/types", s.handle(s.eventTypes))
	s.serveEvents(admin)
}

// serveEvents has what operators do with all events, and what is made of them.
func (s *Server) serveEvents(admin *gin.RouterGroup) {
	admin.GET("/statistics", s.handle(s.allStatistics))
	admin.GET("/platform-events", s.handle(s.platformEvents))
	p := admin.Group("/projections")
	p.GET("", s.handle(s.projections))
	p.GET("/:name", s.handle(s.projection))
	p.POST("/:name/rebuild", s.handle(s.rebuildProjection))
	p.POST("/:name/cancel", s.handle(s.cancelRebuild))
	e := admin.Group("/events")
	e.GET("", s.handle(s.browse))
	e.DELETE("", s.handle(s.deleteEvent))
	e.GET("/detail", s.handle(s.eventDetail))
	e.GET("/stats", s.handle(s.eventStats))
	e.GET("/export", s.handle(s.exportEvents))
	e.GET("/archive", s.handle(s.eventArchive))
	e.POST("/archive/restore", s.handle(s.restoreEvent))
}
