package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/codesaga/codesaga/execution"
)

func consumerPath(group, verb string) string {
	return "/admin/consumers/" + url.PathEscape(group) + "/" + verb
}

// doConsumersList shows how far the groups are.
func doConsumersList(ctx context.Context, c *call, args []string) error {
	fs := c.flags()
	each := fs.Bool("partitions", false, "show each partition")
	var all struct {
		Items []execution.ConsumerGroup `json:"items"`
	}
	show, err := c.whole(ctx, fs, args, "/admin/consumers", &all)
	if err != nil || !show {
		return err
	}
	groups := [][]string{{"GROUP", "TOPIC", "MEMBERS", "LAG", "PAUSED BY", "SINCE", "REASON"}}
	partitions := [][]string{{"GROUP", "PARTITION", "COMMITTED", "END", "LAG"}}
	for _, g := range all.Items {
		row := []string{g.Name, g.Topic, fmt.Sprint(g.Members), fmt.Sprint(g.Lag), "", "", ""}
		if p := g.Paused; p != nil {
			row = append(row[:4], p.By, p.At.UTC().Format("2006-01-02T15:04:05Z"), p.Reason)
		}
		groups = append(groups, row)
		for _, p := range g.Partitions {
			committed := ""
			if p.Committed != nil {
				committed = fmt.Sprint(*p.Committed)
			}
			partitions = append(partitions, []string{g.Name, fmt.Sprint(p.Partition), committed, fmt.Sprint(p.End), fmt.Sprint(p.Lag)})
		}
	}
	if !*each {
		return c.printTable(groups)
	}
	return c.printTables(groups, partitions)
}

// doConsumersPause pauses one, and says what that means.
func doConsumersPause(ctx context.Context, c *call, args []string) error {
	group, body, err := c.withReason(args)
	if err != nil {
		return err
	}
	var answer struct {
		Purpose string `json:"purpose"`
	}
	if err := c.send(ctx, http.MethodPost, consumerPath(group, "pause"), body, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Stdout, oneLine(answer.Purpose))
	return err
}

// doConsumersResume lets one go on.
func doConsumersResume(ctx context.Context, c *call, args []string) error {
	rest, err := c.parseMixed(c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	return c.post(ctx, consumerPath(rest[0], "resume"), nil)
}
