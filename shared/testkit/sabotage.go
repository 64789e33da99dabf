package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Saboteur stands between the SDK and the engines: the n-th call is refused, or carried out and its answer lost; batches
// are left undone; or calls that delete are answered as if they had been carried out.
type Saboteur struct {
	calls, at  atomic.Int64
	apply      atomic.Bool
	Unfinished atomic.Int64 // so many batches of deletes come back undone
	Lies       atomic.Bool  // deletes are acknowledged and not carried out
}

// Arm lets the n-th call from now on fail, before or after it was carried out. 0: none.
func (s *Saboteur) Arm(n int64, apply bool) { s.calls.Store(0); s.at.Store(n); s.apply.Store(apply) }

// Calls is how many calls were made since Arm.
func (s *Saboteur) Calls() int64 { return s.calls.Load() }

// Do implements aws.HTTPClient.
func (s *Saboteur) Do(r *http.Request) (*http.Response, error) {
	target := r.Header.Get("X-Amz-Target")
	deletes := strings.HasSuffix(target, ".BatchWriteItem") || strings.HasSuffix(target, ".DeleteItem") ||
		strings.HasSuffix(target, ".AdminDeleteUser") || r.Method == http.MethodDelete || r.Method == http.MethodPost && r.URL.Query().Has("delete")
	if s.calls.Add(1) == s.at.Load() {
		if s.apply.Load() {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return answered(r, http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#UnrecognizedClientException","message":"sabotage"}`), nil
	}
	if deletes && s.Lies.Load() {
		if r.URL.Query().Has("delete") {
			return answered(r, http.StatusOK, `<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>`), nil
		}
		return answered(r, http.StatusOK, "{}"), nil
	}
	if strings.HasSuffix(target, ".BatchWriteItem") && s.Unfinished.Add(-1) >= 0 {
		var in struct{ RequestItems json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, err
		}
		return answered(r, http.StatusOK, fmt.Sprintf(`{"UnprocessedItems":%s}`, in.RequestItems)), nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

// answered is an answer that no engine gave. A refusal is one that the SDK does not try again, as after its last attempt.
func answered(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)),
	}
}

// Put stores a row of texts in a table of the kit, past everything.
func (k *Kit) Put(t testing.TB, table string, row map[string]string) {
	t.Helper()
	it := map[string]types.AttributeValue{}
	for name, v := range row {
		it[name] = &types.AttributeValueMemberS{Value: v}
	}
	name := k.Env[table]
	if _, err := k.tables(t).PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &name, Item: it}); err != nil {
		t.Fatal(err)
	}
}

func (k *Kit) tables(t testing.TB) *dynamodb.Client {
	e := Engines(t)
	return dynamodb.NewFromConfig(aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
	})}, func(o *dynamodb.Options) { o.BaseEndpoint = &e.DynamoDB })
}

// PutAll stores many rows of texts, in batches.
func (k *Kit) PutAll(t testing.TB, table string, n int, row func(i int) map[string]string) {
	t.Helper()
	api, name := k.tables(t), k.Env[table]
	for from := 0; from < n; from += 25 {
		var some []types.WriteRequest
		for i := from; i < min(n, from+25); i++ {
			it := map[string]types.AttributeValue{}
			for a, v := range row(i) {
				it[a] = &types.AttributeValueMemberS{Value: v}
			}
			some = append(some, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		out, err := api.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: some}})
		if err != nil || len(out.UnprocessedItems) > 0 {
			t.Fatal(err, len(out.UnprocessedItems))
		}
	}
}
