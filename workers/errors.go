package workers

import (
	"context"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/codesaga/codesaga/execution"
)

// errorMapper is the only place where errors and Temporal meet: activities
// return errors with kinds, and it decides which are worth another try.
type errorMapper struct {
	interceptor.WorkerInterceptorBase
}

func (*errorMapper) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityErrors{}
	i.Next = next
	return i
}

type activityErrors struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *activityErrors) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := i.Next.ExecuteActivity(ctx, in)
	switch kind := execution.KindOf(err); kind {
	case execution.Malformed, execution.Invalid, execution.TooLarge, execution.Forbidden, execution.NotFound, execution.Conflict, execution.Exhausted:
		return out, temporal.NewNonRetryableApplicationError(err.Error(), string(kind), err)
	default: // tried again, as long as the workflow's options say
		return out, err
	}
}
