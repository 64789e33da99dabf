package objects

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Sweep is a store of package retention over a bucket: all versions of objects, delete markers, and parts of uploads that
// never became objects. A plain delete would only add a marker; every version is deleted by its identifier.
type Sweep struct {
	api        *s3.Client
	bucket     string
	name       string
	phase      retention.Phase
	folders    []string // <folder>/<tenant>/…
	byPassport bool     // below the tenant comes the passport
	method     string
	now        clock.Clock
	observe    Observe
}

// Bucket says what lies in a bucket and how.
type Bucket struct {
	Store      string // name of the store
	Phase      retention.Phase
	Bucket     string
	Folders    []string // in which each tenant has a folder
	ByPassport bool     // in which each passport has a folder; otherwise nothing in them is of one passport
	Method     string   // of the receipt; empty: that everything was deleted
}

// OpenSweep makes the store. Nothing is called yet.
func OpenSweep(cfg aws.Config, endpoint string, b Bucket, now clock.Clock, observe Observe) *Sweep {
	c := Open(cfg, endpoint, b.Bucket, observe)
	return &Sweep{api: c.api, bucket: b.Bucket, name: b.Store, phase: b.Phase, folders: b.Folders, byPassport: b.ByPassport, method: cmp.Or(b.Method, deletedAll), now: now, observe: observe}
}

// Name implements retention.Store.
func (s *Sweep) Name() string { return s.name }

// Phase implements retention.Store.
func (s *Sweep) Phase() retention.Phase { return s.phase }

// idle tells that nothing here is of the order.
func (s *Sweep) idle(o retention.Order) bool {
	return o.Person != "" || o.Passport != "" && !s.byPassport
}

func (s *Sweep) prefix(folder string, o retention.Order) string {
	if o.Passport != "" {
		return folder + "/" + string(o.Tenant) + "/" + string(o.Passport) + "/"
	}
	return folder + "/" + string(o.Tenant) + "/"
}

// Plan implements retention.Store.
func (s *Sweep) Plan(ctx context.Context, o retention.Order) (int64, error) {
	return s.Verify(ctx, o)
}

// spot is where a sweep goes on: a folder, and in it the last name that was spared. What is deleted is not listed again,
// so the list is read from there each time. An empty name is the beginning; Uploads comes after the versions.
type spot struct {
	Folder  int    `json:"f"`
	Uploads bool   `json:"u,omitempty"`
	Name    string `json:"n,omitempty"`
	Version string `json:"v,omitempty"` // of a list that nothing is deleted from
	Gone    string `json:"g,omitempty"` // digest of the first version that the last page deleted
}

// Sweep implements retention.Store.
func (s *Sweep) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (page retention.Page, err error) {
	var at spot
	if cursor != "" {
		if err := json.Unmarshal([]byte(cursor), &at); err != nil {
			return page, fmt.Errorf("objects: cursor of a sweep: %w", err)
		}
	}
	sum := sha256.New()
	for !s.idle(o) && at.Folder < len(s.folders) && page.Deleted == 0 {
		prefix := s.prefix(s.folders[at.Folder], o)
		if at.Uploads {
			if err := s.abort(ctx, o, prefix, &page); err != nil {
				return retention.Page{}, err
			}
			at = spot{Folder: at.Folder + 1}
			continue
		}
		if at, err = s.page(ctx, o, prefix, at, min(most, 1000), sum, &page); err != nil {
			return retention.Page{}, err
		}
	}
	page.Digest = sum.Sum(nil)
	if !s.idle(o) && at.Folder < len(s.folders) {
		b, _ := json.Marshal(at) // texts and numbers always encode
		page.Cursor = string(b)
	}
	return page, nil
}

// page deletes the next versions of a folder and tells where to go on.
func (s *Sweep) page(ctx context.Context, o retention.Order, prefix string, at spot, most int, sum hash.Hash, page *retention.Page) (spot, error) {
	versions, err := s.after(ctx, prefix, at, most)
	if err != nil {
		return at, err
	}
	if len(versions) == 0 {
		return spot{Folder: at.Folder, Uploads: true}, nil
	}
	next := spot{Folder: at.Folder, Name: at.Name}
	var leaving []types.ObjectIdentifier
	for _, v := range versions {
		name := aws.ToString(v.Key)
		if o.Spares(s.of(o, name)) {
			page.Spared++
			next.Name = max(next.Name, name)
			continue
		}
		leaving = append(leaving, v)
		fmt.Fprintf(sum, "%s\x00%s\x00", name, aws.ToString(v.VersionId))
	}
	if len(leaving) == 0 {
		return next, nil
	}
	first := sha256.Sum256([]byte(aws.ToString(leaving[0].Key) + "\x00" + aws.ToString(leaving[0].VersionId)))
	if next.Gone = hex.EncodeToString(first[:8]); next.Gone == at.Gone {
		return at, fault.New(fault.CodeUnavailable, "The object storage keeps versions whose deletion it acknowledged.")
	}
	return next, s.erase(ctx, leaving, page)
}

// after lists versions of names after the one at a spot, which not every storage leaves out by itself.
func (s *Sweep) after(ctx context.Context, prefix string, at spot, most int) ([]types.ObjectIdentifier, error) {
	for marker := (spot{Name: at.Name}); ; {
		versions, next, err := s.versions(ctx, prefix, marker, most)
		if err != nil {
			return nil, err
		}
		versions = slices.DeleteFunc(versions, func(v types.ObjectIdentifier) bool { return aws.ToString(v.Key) <= at.Name })
		if len(versions) > 0 || next.Uploads {
			return versions, nil
		}
		marker = next
	}
}

// versions lists versions and delete markers after a spot.
func (s *Sweep) versions(ctx context.Context, prefix string, at spot, most int) ([]types.ObjectIdentifier, spot, error) {
	in := &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(int32(most))}
	if at.Name != "" {
		in.KeyMarker = &at.Name
	}
	if at.Version != "" {
		in.VersionIdMarker = &at.Version
	}
	out, err := s.api.ListObjectVersions(ctx, in)
	s.observe(ctx, "s3.ListObjectVersions", 0)
	if err != nil {
		return nil, at, failed(err)
	}
	var list []types.ObjectIdentifier
	for _, v := range out.Versions {
		list = append(list, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, m := range out.DeleteMarkers {
		list = append(list, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
	}
	if !aws.ToBool(out.IsTruncated) {
		return list, spot{Folder: at.Folder, Uploads: true}, nil
	}
	next := spot{Folder: at.Folder, Name: aws.ToString(out.NextKeyMarker), Version: aws.ToString(out.NextVersionIdMarker)}
	if next.Name == "" || next.Name == at.Name && next.Version == at.Version {
		return nil, at, failed(errors.New("objects: the list of versions does not go on"))
	}
	return list, next, nil
}

// eraseTries is how often what a batch left undone is asked for again.
const eraseTries = 4

// erase deletes versions. What is answered as failed is asked for again.
func (s *Sweep) erase(ctx context.Context, ask []types.ObjectIdentifier, page *retention.Page) error {
	wanted := int64(len(ask))
	for range eraseTries {
		page.Writes += int64(len(ask))
		out, err := s.api.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: ask, Quiet: aws.Bool(true)}})
		s.observe(ctx, "s3.DeleteObjects", 0)
		if err != nil {
			return failed(err)
		}
		ask = nil
		for _, e := range out.Errors {
			if code := aws.ToString(e.Code); code != "NoSuchVersion" && code != "NoSuchKey" {
				ask = append(ask, types.ObjectIdentifier{Key: e.Key, VersionId: e.VersionId})
			}
		}
		if len(ask) == 0 {
			page.Deleted += wanted
			return nil
		}
	}
	return fault.New(fault.CodeUnavailable, "The object storage did not delete %d of %d versions.", len(ask), wanted)
}

// of tells whose an object is.
func (s *Sweep) of(o retention.Order, name string) lifecycle.Target {
	of := lifecycle.Target{Tenant: o.Tenant}
	if parts := strings.Split(name, "/"); s.byPassport && len(parts) > 2 {
		of.Passport = id.Passport(parts[2])
	}
	return of
}

// abort ends uploads that never became objects, each until no part of it is left: a part that was under way may come in
// after the first time.
func (s *Sweep) abort(ctx context.Context, o retention.Order, prefix string, page *retention.Page) error {
	uploads, err := s.uploads(ctx, prefix)
	if err != nil {
		return err
	}
	for _, u := range uploads {
		if o.Spares(s.of(o, aws.ToString(u.Key))) {
			page.Spared++
			continue
		}
		left := true
		for range eraseTries {
			page.Writes++
			_, err := s.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
			s.observe(ctx, "s3.AbortMultipartUpload", 0)
			if err != nil && !noUpload(err) {
				return failed(err)
			}
			_, err = s.api.ListParts(ctx, &s3.ListPartsInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
			s.observe(ctx, "s3.ListParts", 0)
			if noUpload(err) {
				left = false
				break
			}
			if err != nil {
				return failed(err)
			}
		}
		if left {
			return fault.New(fault.CodeUnavailable, "The object storage keeps parts of an upload that was ended.")
		}
		page.Deleted++
	}
	return nil
}

// noUpload tells whether an upload is gone, which not every operation says with the same type.
func noUpload(err error) bool {
	coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	return ok && coded.ErrorCode() == "NoSuchUpload"
}

func (s *Sweep) uploads(ctx context.Context, prefix string) ([]types.MultipartUpload, error) {
	var all []types.MultipartUpload
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &prefix}
	for {
		out, err := s.api.ListMultipartUploads(ctx, in)
		s.observe(ctx, "s3.ListMultipartUploads", 0)
		if err != nil {
			return nil, failed(err)
		}
		all = append(all, out.Uploads...)
		if !aws.ToBool(out.IsTruncated) || len(out.Uploads) == 0 {
			return all, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// Verify implements retention.Store. It asks the bucket for its folders, whatever they are called, and lists the versions
// and the uploads of the tenant in each.
func (s *Sweep) Verify(ctx context.Context, o retention.Order) (left int64, err error) {
	if s.idle(o) {
		return 0, nil
	}
	folders, err := s.found(ctx, "")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		prefix := s.prefix(strings.TrimSuffix(folder, "/"), o)
		for at, end := (spot{}), false; !end; end = at.Uploads {
			var list []types.ObjectIdentifier
			if list, at, err = s.versions(ctx, prefix, at, 1000); err != nil {
				return left, err
			}
			left += int64(len(list))
		}
	}
	for _, folder := range s.folders { // uploads do not show in the list of folders
		uploads, err := s.uploads(ctx, s.prefix(folder, o))
		if err != nil {
			return left, err
		}
		left += int64(len(uploads))
	}
	return left, nil
}

// found lists the folders in a folder, also of objects whose newest version is a delete marker.
func (s *Sweep) found(ctx context.Context, in string) ([]string, error) {
	ask := &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: &in, Delimiter: aws.String("/")}
	var all []string
	for {
		out, err := s.api.ListObjectVersions(ctx, ask)
		s.observe(ctx, "s3.ListObjectVersions", 0)
		if err != nil {
			return nil, failed(err)
		}
		for _, p := range out.CommonPrefixes {
			all = append(all, aws.ToString(p.Prefix))
		}
		if !aws.ToBool(out.IsTruncated) {
			return all, nil
		}
		if aws.ToString(out.NextKeyMarker) == aws.ToString(ask.KeyMarker) {
			return nil, failed(errors.New("objects: the list of folders does not go on"))
		}
		ask.KeyMarker, ask.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
}

// Evidence implements retention.Store. The bucket is asked once more for versions in each folder of the tenant.
func (s *Sweep) Evidence(ctx context.Context, o retention.Order) (retention.Receipt, error) {
	r := retention.Receipt{Store: s.name, Provider: "Amazon S3", Method: s.method}
	for _, folder := range s.folders {
		prefix := s.prefix(folder, o)
		out, err := s.api.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(1)})
		s.observe(ctx, "s3.ListObjectVersions", 0)
		if err != nil {
			return retention.Receipt{}, failed(err)
		}
		if len(out.Versions)+len(out.DeleteMarkers) > 0 {
			return retention.Receipt{}, failed(errors.New("objects: a version is left"))
		}
		r.Request, _ = awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	}
	r.At = s.now()
	return r, nil
}

const deletedAll = "Every folder of the bucket was searched for versions and delete markers of the organisation, and for uploads that had not become objects; there are none."

// Tenants implements retention.Census: every folder of a tenant in every folder of the bucket.
func (s *Sweep) Tenants(ctx context.Context, do func(id.Tenant) error) error {
	folders, err := s.found(ctx, "")
	if err != nil {
		return err
	}
	for _, folder := range folders {
		tenants, err := s.found(ctx, folder)
		if err != nil {
			return err
		}
		for _, name := range tenants {
			t := id.Tenant(strings.TrimSuffix(strings.TrimPrefix(name, folder), "/"))
			if !id.Valid(t) {
				continue
			}
			if err := do(t); err != nil {
				return err
			}
		}
	}
	return nil
}
