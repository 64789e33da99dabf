// Package observe writes one JSON record per request to the log, with CloudWatch metrics embedded in the same record
// (embedded metric format). Tenants are properties, never dimensions: a metric per tenant would cost more than it tells.
package observe

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
)

// namespace of the metrics.
const namespace = "PassportCraft"

// Recorder writes request events.
type Recorder struct {
	log  *slog.Logger
	warm atomic.Bool
}

// NewRecorder makes a recorder that writes to w.
func NewRecorder(w io.Writer) *Recorder {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{} // the event carries its own instant, from the platform's clock
		}
		return a
	}})
	return &Recorder{log: slog.New(h)}
}

// Record writes one event. Internal causes are in the log and nowhere else.
func (r *Recorder) Record(ctx context.Context, e httpapi.Event) {
	cold := !r.warm.Swap(true)
	level := slog.LevelInfo
	if e.Status >= 500 {
		level = slog.LevelError
	}
	calls := 0
	for _, n := range e.Calls {
		calls += n
	}
	attrs := []slog.Attr{
		slog.String("at", e.At.Format(time.RFC3339Nano)), slog.String("requestId", string(e.Request)), slog.String("function", e.Function), slog.String("route", e.Route),
		slog.String("method", e.Method), slog.Int("status", e.Status), slog.Float64("durationMs", float64(e.Duration.Microseconds())/1000),
		slog.Int("bytesIn", e.BytesIn), slog.Int("bytesOut", e.BytesOut), slog.Int("storageCalls", calls), slog.Float64("capacityUnits", e.Units),
		slog.Bool("coldStart", cold),
	}
	for name, value := range map[string]string{"tenant": string(e.Tenant), "principal": e.Principal, "code": string(e.Code), "cause": e.Cause} {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	if e.Replayed {
		attrs = append(attrs, slog.Bool("replayed", true))
	}
	attrs = append(attrs, slog.Any("_aws", metrics(e)))
	r.log.LogAttrs(ctx, level, "request", attrs...)
}

type metricName struct {
	Name string `json:"Name"`
	Unit string `json:"Unit,omitempty"`
}

// metrics is the embedded metric format header for an event.
func metrics(e httpapi.Event) json.RawMessage {
	b, err := json.Marshal(struct {
		Timestamp         int64 `json:"Timestamp"`
		CloudWatchMetrics []any `json:"CloudWatchMetrics"`
	}{e.At.UnixMilli(), []any{struct {
		Namespace  string       `json:"Namespace"`
		Dimensions [][]string   `json:"Dimensions"`
		Metrics    []metricName `json:"Metrics"`
	}{namespace, [][]string{{"function"}}, []metricName{
		{"durationMs", "Milliseconds"}, {"storageCalls", "Count"}, {"capacityUnits", "Count"}, {"bytesOut", "Bytes"},
	}}}})
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return b
}

// Count writes one record that counts 1 for a metric, with the rule that fired beside it. An alarm of the template
// watches the metric.
func Count(log io.Writer, at time.Time, metric, rule string) {
	b, err := json.Marshal(map[string]any{
		"msg": metric, "at": at.UTC().Format(time.RFC3339Nano), "rule": rule, metric: 1,
		"_aws": map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []any{map[string]any{
			"Namespace": namespace, "Dimensions": [][]string{{}}, "Metrics": []metricName{{metric, "Count"}},
		}}},
	})
	if err == nil {
		_, _ = log.Write(append(b, '\n'))
	}
}

// Failure writes one record about something that did not work and will be tried again: what it was, and why.
func Failure(log io.Writer, at time.Time, msg, what string, why error) {
	b, err := json.Marshal(map[string]any{"level": "ERROR", "msg": msg, "at": at.UTC().Format(time.RFC3339Nano), "what": what, "cause": why.Error()})
	if err == nil {
		_, _ = log.Write(append(b, '\n'))
	}
}

// Gauge writes one record with a value for each metric. Alarms of the template watch the metrics.
func Gauge(log io.Writer, at time.Time, what string, seconds map[string]float64, counts map[string]int) {
	record := map[string]any{"msg": what, "at": at.UTC().Format(time.RFC3339Nano)}
	names := []metricName{}
	for name, v := range seconds {
		record[name], names = v, append(names, metricName{name, "Seconds"})
	}
	for name, v := range counts {
		record[name], names = v, append(names, metricName{name, "Count"})
	}
	record["_aws"] = map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []any{map[string]any{
		"Namespace": namespace, "Dimensions": [][]string{{}}, "Metrics": names,
	}}}
	if b, err := json.Marshal(record); err == nil {
		_, _ = log.Write(append(b, '\n'))
	}
}
