// Package objects keeps large sealed content in S3, under names that are the digest of what they hold. It never sees
// plain content.
package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// maxObject bounds what Get reads into memory, in bytes.
const maxObject = 16 << 20

// Observe is told about every call.
type Observe func(ctx context.Context, operation string, units float64)

// Contents implements dynamo.Overflow over one bucket: content/<tenant>/<passport>/<sha-256 of the sealed bytes>.
type Contents struct {
	api     *s3.Client
	bucket  string
	observe Observe
}

// Open makes the store. Nothing is called yet. endpoint overrides AWS's address (and then addresses buckets by path);
// empty means AWS.
func Open(cfg aws.Config, endpoint, bucket string, observe Observe) *Contents {
	api := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
			o.UsePathStyle = true
		}
	})
	return &Contents{api: api, bucket: bucket, observe: observe}
}

// Put stores sealed bytes of a tenant's passport and returns their reference. Storing the same bytes again changes nothing.
func (c *Contents) Put(ctx context.Context, t id.Tenant, p id.Passport, sealed []byte) (string, error) {
	sum := sha256.Sum256(sealed)
	ref := string(p) + "/" + hex.EncodeToString(sum[:])
	_, err := c.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &c.bucket, Key: aws.String(name(t, ref)), Body: bytes.NewReader(sealed), ContentType: aws.String("application/octet-stream"),
	})
	c.observe(ctx, "s3.PutObject", 0)
	if err != nil {
		return "", failed(err)
	}
	return ref, nil
}

// Get reads what Put stored for the same tenant, and verifies its digest.
func (c *Contents) Get(ctx context.Context, t id.Tenant, ref string) ([]byte, error) {
	out, err := c.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: aws.String(name(t, ref))})
	c.observe(ctx, "s3.GetObject", 0)
	if err != nil {
		return nil, failed(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err != nil {
		return nil, failed(err)
	}
	sum := sha256.Sum256(b)
	if hex.EncodeToString(sum[:]) != path.Base(ref) {
		return nil, fmt.Errorf("objects: %s is not what was stored", name(t, ref))
	}
	return b, nil
}

// Remove deletes what Put stored for the same tenant; the bucket keeps the version for some weeks. What is not there is
// no error.
func (c *Contents) Remove(ctx context.Context, t id.Tenant, ref string) error {
	_, err := c.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: aws.String(name(t, ref))})
	c.observe(ctx, "s3.DeleteObject", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}

func name(t id.Tenant, ref string) string { return "content/" + string(t) + "/" + ref }

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The object storage did not answer. Nothing was changed; repeat later.").After(2 * time.Second)
}

// Evidence implements auditlog.Evidence over a bucket whose objects cannot be taken back (object lock).
type Evidence struct {
	api     *s3.Client
	bucket  string
	observe Observe
}

// OpenEvidence makes the store. Nothing is called yet.
func OpenEvidence(cfg aws.Config, endpoint, bucket string, observe Observe) *Evidence {
	c := Open(cfg, endpoint, bucket, observe)
	return &Evidence{c.api, bucket, observe}
}

// Keep stores a text under a name. The same text again adds a version that says the same.
func (e *Evidence) Keep(ctx context.Context, name, signed string) error {
	_, err := e.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &e.bucket, Key: &name, Body: bytes.NewReader([]byte(signed)), ContentType: aws.String("text/plain; charset=utf-8"),
	})
	e.observe(ctx, "s3.PutObject", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}

// List returns the names below a prefix. One call for each thousand.
func (e *Evidence) List(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	pages := s3.NewListObjectsV2Paginator(e.api, &s3.ListObjectsV2Input{Bucket: &e.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		e.observe(ctx, "s3.ListObjectsV2", 0)
		if err != nil {
			return nil, failed(err)
		}
		for _, o := range out.Contents {
			names = append(names, aws.ToString(o.Key))
		}
	}
	return names, nil
}

// maxText bounds what Read reads of a text, in bytes.
const maxText = 64 << 10

// Read returns the first text that was kept under a name: what came later over it does not count. Two calls.
func (e *Evidence) Read(ctx context.Context, name string) (string, error) {
	versions, err := e.api.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &e.bucket, Prefix: &name})
	e.observe(ctx, "s3.ListObjectVersions", 0)
	if err != nil {
		return "", failed(err)
	}
	first := ""
	for _, v := range versions.Versions { // the newest comes first
		if aws.ToString(v.Key) == name {
			first = aws.ToString(v.VersionId)
		}
	}
	if first == "" {
		return "", fmt.Errorf("objects: %s is not there", name)
	}
	out, err := e.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &e.bucket, Key: &name, VersionId: &first})
	e.observe(ctx, "s3.GetObject", 0)
	if err != nil {
		return "", failed(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, maxText))
	if err != nil {
		return "", failed(err)
	}
	return string(b), nil
}
