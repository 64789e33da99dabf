package dynamo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is a row. Rows are written and read by hand: it is fast, it shows every attribute, and a row that lacks one is
// an error instead of a zero value.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number[T ~int | ~int64 | ~uint32](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

func blob(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func moment(t time.Time) types.AttributeValue { return text(t.UTC().Format(instant)) }

func texts(list []string) types.AttributeValue {
	l := make([]types.AttributeValue, len(list))
	for i, s := range list {
		l[i] = text(s)
	}
	return &types.AttributeValueMemberL{Value: l}
}

// reader reads attributes and remembers the first that is missing or of another type.
type reader struct {
	it  item
	err error
}

func (r *reader) miss(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("dynamo: attribute %s is missing or of another type", name)
	}
}

func (r *reader) has(name string) bool { _, ok := r.it[name]; return ok }

func (r *reader) text(name string) string {
	v, ok := r.it[name].(*types.AttributeValueMemberS)
	if !ok {
		r.miss(name)
		return ""
	}
	return v.Value
}

func (r *reader) optional(name string) string {
	if !r.has(name) {
		return ""
	}
	return r.text(name)
}

func (r *reader) number(name string) int64 {
	v, ok := r.it[name].(*types.AttributeValueMemberN)
	if !ok {
		r.miss(name)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		r.miss(name)
	}
	return n
}

func (r *reader) blob(name string) []byte {
	v, ok := r.it[name].(*types.AttributeValueMemberB)
	if !ok {
		r.miss(name)
		return nil
	}
	return v.Value
}

func (r *reader) moment(name string) time.Time {
	t, err := time.Parse(instant, r.text(name))
	if err != nil {
		r.miss(name)
	}
	return t.UTC()
}

// optionalMoment is the zero time when the attribute is absent.
func (r *reader) optionalMoment(name string) time.Time {
	if !r.has(name) {
		return time.Time{}
	}
	return r.moment(name)
}

func (r *reader) texts(name string) []string {
	v, ok := r.it[name].(*types.AttributeValueMemberL)
	if !ok {
		r.miss(name)
		return nil
	}
	out := make([]string, 0, len(v.Value))
	for _, e := range v.Value {
		s, ok := e.(*types.AttributeValueMemberS)
		if !ok {
			r.miss(name)
			return nil
		}
		out = append(out, s.Value)
	}
	return out
}

func dictionary(m map[string]string) types.AttributeValue {
	d := make(map[string]types.AttributeValue, len(m))
	for k, v := range m {
		d[k] = text(v)
	}
	return &types.AttributeValueMemberM{Value: d}
}

// dictionary is nil when the attribute is absent.
func (r *reader) dictionary(name string) map[string]string {
	if !r.has(name) {
		return nil
	}
	v, ok := r.it[name].(*types.AttributeValueMemberM)
	if !ok {
		r.miss(name)
		return nil
	}
	inner := reader{it: v.Value}
	out := make(map[string]string, len(v.Value))
	for k := range v.Value {
		out[k] = inner.text(k)
	}
	if inner.err != nil {
		r.miss(name)
	}
	return out
}

func (r *reader) flag(name string) bool {
	v, ok := r.it[name].(*types.AttributeValueMemberBOOL)
	if !ok {
		r.miss(name)
		return false
	}
	return v.Value
}

func flag(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }
