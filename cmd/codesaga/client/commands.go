package client

import "context"

// Command is one that Run does.
type Command struct {
	Name string
	Args string    // as in a usage line
	Help string    // one line
	Sub  []Command // "codesaga NAME SUB"

	do func(context.Context, *call, []string) error
}

// Commands are all of them, in the order of a usage text.
var Commands = []Command{
	{Name: "run", Args: "[flags] FILE|- [--] [ARGS…]", Help: "run a script, or a folder of them, and stream its output", do: doRun},
	{Name: "logs", Args: "[-f] ID", Help: "print the output of a run, and follow it", do: doLogs},
	{Name: "get", Args: "[--json] ID", Help: "show one run", do: doGet},
	{Name: "list", Args: "[flags]", Help: "list runs, newest first", do: doList},
	{Name: "cancel", Args: "[--reason TEXT] [--wait] ID", Help: "cancel a run", do: doCancel},
	{Name: "retry", Args: "[--follow] ID", Help: "do a run again that has ended", do: doRetry},
	{Name: "input", Args: "[--close] ID [FILE|-]", Help: "send input to an interactive run", do: doInput},
	{Name: "signal", Args: "ID NAME", Help: "send a signal to an interactive run", do: doSignal},
	{Name: "artifacts", Args: "[flags] ID [PATH…]", Help: "list or download the files that a run left", do: doArtifacts},
	{Name: "events", Args: "[--json] ID", Help: "show what happened to a run, and when", do: doEvents, Sub: []Command{
		{Name: "list", Args: "[flags]", Help: "list what happened to all runs, newest first", do: doEventsList},
		{Name: "show", Args: "[--json] EVENT", Help: "show one event, and what has to do with it (operators)", do: doEventsShow},
		{Name: "stats", Args: "[--hours N] [--json]", Help: "show how much went on lately (operators)", do: doEventsStats},
		{Name: "platform", Args: "[flags]", Help: "list what happened to the platform, such as dead letters (operators)", do: doEventsPlatform},
		{Name: "export", Args: "[flags] csv|json|ndjson", Help: "write events to a file (operators)", do: doEventsExport},
		{Name: "delete", Args: "--reason TEXT EVENT", Help: "move an event to the archive (operators)", do: doEventsDelete},
		{Name: "archive", Args: "[flags]", Help: "list the events that were deleted (operators)", do: doEventsArchive},
		{Name: "restore", Args: "EVENT", Help: "put an event back (operators)", do: doEventsRestore},
	}},
	{Name: "saga", Args: "[--json] ID", Help: "show the steps of a run, and how they were undone", do: doSaga, Sub: []Command{
		{Name: "retry-step", Args: "ID", Help: "let a step that is stuck be tried at once (operators)", do: doRetryStep},
	}},
	{Name: "sagas", Args: "[flags]", Help: "list sagas, newest first", do: doSagas},
	{Name: "callback", Args: "[--json] ID", Help: "show how the callback of a run was delivered", do: doCallback, Sub: []Command{
		{Name: "redeliver", Args: "ID", Help: "deliver the callback of a run again", do: doRedeliver},
	}},
	{Name: "batch", Args: "COMMAND", Help: "many runs as one", do: doGroup, Sub: []Command{
		{Name: "submit", Args: "[flags] FILE.json|-", Help: "submit a batch, as the API takes it", do: doBatchSubmit},
		{Name: "run", Args: "[flags] --cases DIR LANGUAGE SCRIPT", Help: "judge a script by the cases NAME.in, NAME.out in a folder", do: doBatchRun},
		{Name: "get", Args: "[--json] ID", Help: "show one batch", do: doBatchGet},
		{Name: "list", Args: "[flags]", Help: "list batches, newest first", do: doBatchList},
		{Name: "items", Args: "[flags] ID", Help: "list what is in a batch", do: doBatchItems},
		{Name: "follow", Args: "[--json] ID", Help: "follow a batch to its end", do: doBatchFollow},
		{Name: "cancel", Args: "[--reason TEXT] ID", Help: "cancel all of a batch that has not ended", do: doBatchCancel},
	}},
	{Name: "schedule", Args: "COMMAND", Help: "runs at set times", do: doGroup, Sub: []Command{
		{Name: "create", Args: "--cron SPEC|--every TIME [flags] NAME FILE|- [--] [ARGS…]", Help: "run a script at set times", do: doScheduleCreate},
		{Name: "list", Args: "[flags]", Help: "list schedules", do: doScheduleList},
		{Name: "get", Args: "[--json] ID", Help: "show one schedule", do: doScheduleGet},
		{Name: "pause", Args: "ID", Help: "start no runs until resumed", do: doScheduleVerb},
		{Name: "resume", Args: "ID", Help: "start runs again", do: doScheduleVerb},
		{Name: "trigger", Args: "ID", Help: "start a run now", do: doScheduleVerb},
		{Name: "delete", Args: "ID", Help: "delete a schedule; its runs stay", do: doScheduleDelete},
	}},
	{Name: "usage", Args: "[flags]", Help: "report what runs took", do: doUsage},
	{Name: "statistics", Args: "[flags]", Help: "show how runs did, by language or user", do: doStatistics},
	{Name: "notifications", Args: "COMMAND", Help: "what you were told: how your runs ended", do: doGroup, Sub: []Command{
		{Name: "list", Args: "[flags]", Help: "list notices, newest first", do: doNotificationsList},
		{Name: "watch", Args: "[--json]", Help: "print notices as they come", do: doNotificationsWatch},
		{Name: "read", Args: "ID | --all", Help: "note that one, or all, were read", do: doNotificationsRead},
		{Name: "delete", Args: "ID", Help: "delete one", do: doNotificationsDelete},
	}},
	{Name: "queue", Args: "[--json]", Help: "show how the pools stand (operators)", do: doQueue, Sub: []Command{
		{Name: "pause", Args: "[--language ID] [POOL]", Help: "admit nobody to a pool, or to all", do: doQueuePause},
		{Name: "resume", Args: "[--language ID] [POOL]", Help: "admit again", do: doQueuePause},
		{Name: "set", Args: "flags POOL", Help: "change what a pool admits", do: doQueueSet},
		{Name: "move", Args: "ID PRIORITY", Help: "give a run that waits another priority", do: doQueueMove},
		{Name: "drop", Args: "[--reason TEXT] ID", Help: "take a run that waits out of the queue", do: doQueueDrop},
	}},
	{Name: "replay", Args: "COMMAND", Help: "tell events again, elsewhere (operators)", do: doGroup, Sub: []Command{
		{Name: "create", Args: "[flags] NAME", Help: "make a replay of the events that the flags choose", do: doReplayCreate},
		{Name: "preview", Args: "[flags]", Help: "show what such a replay would do", do: doReplayPreview},
		{Name: "list", Args: "[flags]", Help: "list replays, newest first", do: doReplayList},
		{Name: "show", Args: "[--json] ID", Help: "show one replay", do: doReplayShow},
		{Name: "start", Args: "ID", Help: "start a replay", do: doReplayVerb},
		{Name: "pause", Args: "ID", Help: "write nothing until resumed", do: doReplayVerb},
		{Name: "resume", Args: "ID", Help: "go on with one that is paused or has failed", do: doReplayVerb},
		{Name: "cancel", Args: "ID", Help: "end a replay; what is written stays", do: doReplayVerb},
		{Name: "retry-failed", Args: "ID", Help: "try the events again that failed", do: doReplayVerb},
		{Name: "watch", Args: "[--json] ID", Help: "follow a replay to its end", do: doReplayWatch},
		{Name: "download", Args: "[--output FILE] ID", Help: "write the file of a replay", do: doReplayDownload},
	}},
	{Name: "consumers", Args: "COMMAND", Help: "who reads the topics (operators)", do: doGroup, Sub: []Command{
		{Name: "list", Args: "[--partitions] [--json]", Help: "show how far the consumer groups are", do: doConsumersList},
		{Name: "pause", Args: "--reason TEXT GROUP", Help: "let a group do nothing more until resumed", do: doConsumersPause},
		{Name: "resume", Args: "GROUP", Help: "let a group go on where it was", do: doConsumersResume},
	}},
	{Name: "letters", Args: "COMMAND", Help: "messages that could not be handled (operators)", do: doGroup, Sub: []Command{
		{Name: "list", Args: "[flags]", Help: "list dead letters, newest first", do: doLettersList},
		{Name: "show", Args: "[--json] ID", Help: "show one, what it says and what happened to it", do: doLettersShow},
		{Name: "retry", Args: "[flags] [ID…]", Help: "have some handled again, now", do: doLettersRetry},
		{Name: "discard", Args: "--reason TEXT ID", Help: "give one up; for 90 days it can be restored", do: doLettersDecide},
		{Name: "archive", Args: "--reason TEXT ID", Help: "put one aside for 90 days", do: doLettersDecide},
		{Name: "restore", Args: "--reason TEXT ID", Help: "park one again that was put aside", do: doLettersDecide},
		{Name: "stats", Args: "[--json]", Help: "count them", do: doLettersStats},
		{Name: "policies", Args: "[--json]", Help: "list how they are retried", do: doLettersPolicies},
		{Name: "set-policy", Args: "[flags] STRATEGY", Help: "set how some are retried: immediate, fixed_interval, exponential_backoff, scheduled or manual", do: doLettersPolicy},
		{Name: "unset-policy", Args: "POLICY", Help: "go back to the default", do: doLettersUnset},
	}},
	{Name: "languages", Args: "[--json]", Help: "list the languages that scripts can be in", do: doLanguages},
}

// find returns the command that args name, and its arguments. The zero command
// is none.
func find(args []string) (Command, []string) {
	if len(args) == 0 {
		return Command{}, nil
	}
	for _, cmd := range Commands {
		if cmd.Name != args[0] {
			continue
		}
		for _, sub := range cmd.Sub {
			if len(args) > 1 && sub.Name == args[1] {
				sub.Name = cmd.Name + " " + sub.Name
				return sub, args[2:]
			}
		}
		return cmd, args[1:]
	}
	return Command{}, nil
}

// doGroup is for the name of a command that needs another one.
func doGroup(_ context.Context, c *call, args []string) error {
	if _, err := c.parse(c.flags(), args); err != nil {
		return err
	}
	return usagef("%s: which of its commands? see codesaga %[1]s --help", c.cmd.Name)
}
