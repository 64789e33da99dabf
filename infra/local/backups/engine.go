package backups

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// engine calls DynamoDB with bodies as they are on the wire, so that items come back byte for byte.
type engine struct {
	at     string
	keys   aws.Credentials
	client *http.Client
	signer *v4.Signer
}

func newEngine(at, access, secret string) *engine {
	return &engine{at, aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}, &http.Client{Timeout: time.Minute}, v4.NewSigner()}
}

const target = "DynamoDB_20120810."

func (e *engine) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.at, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target+operation)
	sum := sha256.Sum256(body)
	if err := e.signer.SignHTTP(ctx, e.keys, r, hex.EncodeToString(sum[:]), "dynamodb", region, time.Now()); err != nil {
		return err
	}
	resp, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", operation, b)
	}
	return json.Unmarshal(b, out)
}

// shape is what of a table a restore makes again.
type shape struct {
	KeySchema              json.RawMessage   `json:"KeySchema"`
	AttributeDefinitions   json.RawMessage   `json:"AttributeDefinitions"`
	GlobalSecondaryIndexes []json.RawMessage `json:"GlobalSecondaryIndexes,omitempty"`
}

func (e *engine) shape(ctx context.Context, table string) (shape, error) {
	var out struct{ Table shape }
	if err := e.call(ctx, "DescribeTable", map[string]any{"TableName": table}, &out); err != nil {
		return shape{}, err
	}
	for i, raw := range out.Table.GlobalSecondaryIndexes {
		var x struct{ IndexName, KeySchema, Projection json.RawMessage }
		err := json.Unmarshal(raw, &x)
		if err == nil {
			out.Table.GlobalSecondaryIndexes[i], err = json.Marshal(x)
		}
		if err != nil {
			return shape{}, err
		}
	}
	return out.Table, nil
}

// copy writes a table into a file and returns its size in bytes: the shape in the first line, then an item a line.
func (e *engine) copy(ctx context.Context, table, path string) (size int64, err error) {
	form, err := e.shape(ctx, table)
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("a copy cannot be written: %w", err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	lines := json.NewEncoder(z)
	lines.SetEscapeHTML(false)
	err = lines.Encode(form)
	var from json.RawMessage
	for err == nil {
		in := map[string]any{"TableName": table, "ConsistentRead": true}
		if from != nil {
			in["ExclusiveStartKey"] = from
		}
		var out struct {
			Items            []json.RawMessage
			LastEvaluatedKey json.RawMessage
		}
		if err = e.call(ctx, "Scan", in, &out); err != nil {
			break
		}
		for _, it := range out.Items {
			size += int64(len(it))
			err = errors.Join(err, lines.Encode(it))
		}
		if from = out.LastEvaluatedKey; from == nil {
			break
		}
	}
	if err = errors.Join(err, z.Close(), f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return size, os.Rename(path+".part", path)
}

// writesAtOnce is how many items DynamoDB takes in one call.
const writesAtOnce = 25

// restore makes a table and fills it. A table of that name must not exist; one that could not be filled goes again.
func (e *engine) restore(ctx context.Context, path, table string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("a copy cannot be read: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("a copy cannot be read: %w", err)
	}
	lines := json.NewDecoder(z)
	var form shape
	if err := lines.Decode(&form); err != nil {
		return fmt.Errorf("a copy cannot be read: %w", err)
	}
	in := map[string]any{"TableName": table, "BillingMode": "PAY_PER_REQUEST", "KeySchema": form.KeySchema, "AttributeDefinitions": form.AttributeDefinitions}
	if len(form.GlobalSecondaryIndexes) > 0 {
		in["GlobalSecondaryIndexes"] = form.GlobalSecondaryIndexes
	}
	var none struct{}
	if err := e.call(ctx, "CreateTable", in, &none); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = e.call(context.WithoutCancel(ctx), "DeleteTable", map[string]any{"TableName": table}, &none)
		}
	}()
	var some []json.RawMessage
	for {
		var it json.RawMessage
		switch err := lines.Decode(&it); {
		case errors.Is(err, io.EOF):
			return e.write(ctx, table, some)
		case err != nil:
			return fmt.Errorf("a copy cannot be read: %w", err)
		}
		if some = append(some, it); len(some) == writesAtOnce {
			if err := e.write(ctx, table, some); err != nil {
				return err
			}
			some = nil
		}
	}
}

func (e *engine) write(ctx context.Context, table string, items []json.RawMessage) error {
	if len(items) == 0 {
		return nil
	}
	var puts []any
	for _, it := range items {
		puts = append(puts, map[string]any{"PutRequest": map[string]any{"Item": it}})
	}
	for range 10 {
		var out struct{ UnprocessedItems map[string][]any }
		if err := e.call(ctx, "BatchWriteItem", map[string]any{"RequestItems": map[string]any{table: puts}}, &out); err != nil {
			if strings.Contains(err.Error(), "larger than") && len(items) > 1 { // a call holds 16 MB
				half := len(items) / 2
				return errors.Join(e.write(ctx, table, items[:half]), e.write(ctx, table, items[half:]))
			}
			return err
		}
		if puts = out.UnprocessedItems[table]; len(puts) == 0 {
			return nil
		}
	}
	return errors.New("the engine does not take all items")
}
