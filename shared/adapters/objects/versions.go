package objects

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
)

// Versions implements backup.Versions.
type Versions struct {
	api     *s3.Client
	observe Observe
}

// OpenVersions makes the adapter. Nothing is called yet.
func OpenVersions(cfg aws.Config, endpoint string, observe Observe) *Versions {
	c := Open(cfg, endpoint, "", observe)
	return &Versions{c.api, observe}
}

// Replaced implements backup.Versions. One call for each thousand. Of each object, what was stored next is what replaced a
// version; S3 lists an object's versions and markers newest first.
func (v *Versions) Replaced(ctx context.Context, bucket string, do func(backup.Version) error) error {
	var last struct {
		key string
		at  time.Time
	}
	in := &s3.ListObjectVersionsInput{Bucket: &bucket}
	for {
		out, err := v.api.ListObjectVersions(ctx, in)
		v.observe(ctx, "s3.ListObjectVersions", 0)
		if err != nil {
			return failed(err)
		}
		for _, one := range merged(out) {
			since, follows := last.at, last.key == one.key
			last.key, last.at = one.key, one.at
			if one.latest || !follows { // what is current is never old
				continue
			}
			if err := do(backup.Version{Key: one.key, ID: one.id, Since: since}); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
}

type listed struct {
	key, id string
	at      time.Time
	latest  bool
}

// before tells which of two comes first in a bucket. Instants are whole seconds; of two in one, the current one is first.
func (l listed) before(other listed) bool {
	if l.key != other.key {
		return l.key < other.key
	}
	if l.latest || other.latest {
		return l.latest
	}
	return !l.at.Before(other.at)
}

// merged is the versions and markers of one answer in the order of the bucket.
func merged(out *s3.ListObjectVersionsOutput) []listed {
	var all []listed
	versions, markers := out.Versions, out.DeleteMarkers
	for len(versions) > 0 || len(markers) > 0 {
		var v, m listed
		if len(versions) > 0 {
			v = listed{aws.ToString(versions[0].Key), aws.ToString(versions[0].VersionId), aws.ToTime(versions[0].LastModified), aws.ToBool(versions[0].IsLatest)}
		}
		if len(markers) > 0 {
			m = listed{aws.ToString(markers[0].Key), aws.ToString(markers[0].VersionId), aws.ToTime(markers[0].LastModified), aws.ToBool(markers[0].IsLatest)}
		}
		switch {
		case len(markers) == 0, len(versions) > 0 && v.before(m):
			all, versions = append(all, v), versions[1:]
		default:
			all, markers = append(all, m), markers[1:]
		}
	}
	return all
}

// RemoveVersion implements backup.Versions.
func (v *Versions) RemoveVersion(ctx context.Context, bucket string, of backup.Version) error {
	_, err := v.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &of.Key, VersionId: &of.ID})
	v.observe(ctx, "s3.DeleteObject", 0)
	if err != nil {
		return failed(err)
	}
	return nil
}
