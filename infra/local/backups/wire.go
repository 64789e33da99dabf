package backups

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// problem is a refusal in the words of AWS.
type problem struct {
	status     int
	kind, text string
}

func (p *problem) Error() string { return p.kind + ": " + p.text }

func refuse(status int, kind, text string) *problem { return &problem{status, kind, text} }

// ServeHTTP serves AWS Backup (REST), and the calls of DynamoDB about backups (by their target).
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var out any
	var err error
	if operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target); ok {
		out, err = s.dynamodb(r, operation)
	} else {
		out, err = s.backup(r)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		p, ok := errors.AsType[*problem](err)
		if !ok {
			p = refuse(http.StatusInternalServerError, "ServiceUnavailableException", err.Error())
		}
		w.Header().Set("X-Amzn-Errortype", p.kind)
		w.WriteHeader(p.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": p.kind, "message": p.text, "Message": p.text})
		return
	}
	if out != nil {
		_ = json.NewEncoder(w).Encode(out)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// backup serves AWS Backup. Names in paths may hold colons and slashes, escaped.
func (s *Service) backup(r *http.Request) (any, error) {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i, p := range parts {
		var err error
		if parts[i], err = url.PathUnescape(p); err != nil {
			return nil, refuse(http.StatusBadRequest, "InvalidParameterValueException", "The path cannot be read.")
		}
	}
	switch {
	case parts[0] == "restore-jobs":
		return s.restores(r, strings.Join(parts[1:], "/"))
	case r.Method == http.MethodGet && len(parts) == 3 && parts[0] == "backup-vaults" && parts[2] == "recovery-points":
		return s.points(parts[1])
	case r.Method == http.MethodGet && len(parts) == 4 && parts[0] == "backup-vaults" && parts[2] == "recovery-points":
		return s.point(parts[1], parts[3])
	case r.Method == http.MethodDelete && len(parts) == 4 && parts[0] == "backup-vaults" && parts[2] == "recovery-points":
		return nil, s.remove(parts[1], parts[3])
	case r.Method == http.MethodPut && len(parts) == 1 && parts[0] == "backup-jobs":
		return s.startCopy(r)
	case r.Method == http.MethodGet && len(parts) == 2 && parts[0] == "backup-jobs":
		return s.job(parts[1], "copy")
	}
	return nil, refuse(http.StatusNotFound, "UnknownOperationException", "The stand-in for AWS Backup does not know "+r.Method+" "+r.URL.Path+".")
}

func (s *Service) restores(r *http.Request, id string) (any, error) {
	if r.Method == http.MethodGet && id != "" {
		return s.job(id, "restore")
	}
	var in struct {
		RecoveryPointArn, IdempotencyToken string
		Metadata                           map[string]string
	}
	if r.Method != http.MethodPut || read(r, &in) != nil || in.Metadata["targetTableName"] == "" {
		return nil, refuse(http.StatusBadRequest, "MissingParameterValueException", "A restore names a recovery point and, as targetTableName, a new table.")
	}
	j, err := s.restore(r.Context(), in.RecoveryPointArn, in.Metadata["targetTableName"], in.IdempotencyToken)
	if err != nil {
		return nil, err
	}
	return map[string]any{"RestoreJobId": j.ID}, nil
}

func read(r *http.Request, v any) error {
	return json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(v)
}

func (s *Service) startCopy(r *http.Request) (any, error) {
	var in struct {
		BackupVaultName, ResourceArn string
		Lifecycle                    struct{ DeleteAfterDays int }
	}
	if read(r, &in) != nil || in.BackupVaultName == "" || tableOf(in.ResourceArn) == "" {
		return nil, refuse(http.StatusBadRequest, "MissingParameterValueException", "A copy names a vault and a table.")
	}
	p, err := s.copy(r.Context(), in.BackupVaultName, tableOf(in.ResourceArn), in.Lifecycle.DeleteAfterDays)
	if err != nil {
		return nil, err
	}
	id, err := random()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Jobs[id] = &job{ID: id, Kind: "copy", Point: p.ARN, Table: p.Table, State: "COMPLETED", At: p.CreatedAt}
	return map[string]any{"BackupJobId": id, "RecoveryPointArn": p.ARN, "CreationDate": seconds(p.CreatedAt)}, s.save()
}

// job describes a job; the first time it is asked for, it is still at work.
func (s *Service) job(id, kind string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.kept.Jobs[id]
	if j == nil || j.Kind != kind {
		return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "There is no such job.")
	}
	state := j.State
	if j.Asked++; j.Asked == 1 && state == "COMPLETED" {
		state = "RUNNING"
	}
	out := map[string]any{"RecoveryPointArn": j.Point, "CreationDate": seconds(j.At), "StatusMessage": j.Message}
	if kind == "copy" {
		out["BackupJobId"], out["State"], out["ResourceArn"] = id, state, tableARN(j.Table)
	} else {
		out["RestoreJobId"], out["Status"], out["CreatedResourceArn"] = id, state, tableARN(j.Table)
	}
	return out, s.save()
}

func (p *point) wire() map[string]any {
	out := map[string]any{
		"RecoveryPointArn": p.ARN, "BackupVaultName": p.Vault, "ResourceArn": tableARN(p.Table), "ResourceType": "DynamoDB", "Status": p.Status,
		"CreationDate": seconds(p.CreatedAt), "BackupSizeInBytes": p.Bytes, "IsEncrypted": false,
	}
	if p.Days > 0 {
		out["Lifecycle"] = map[string]any{"DeleteAfterDays": p.Days}
		out["CalculatedLifecycle"] = map[string]any{"DeleteAt": seconds(p.deleteAt())}
	}
	return out
}

func (s *Service) points(vault string) (any, error) {
	if _, ok := s.vault(vault); !ok {
		return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "There is no vault "+vault+".")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	all := []any{}
	for _, p := range s.kept.Points {
		if p.Vault == vault {
			all = append(all, p.wire())
		}
	}
	return map[string]any{"RecoveryPoints": all}, s.save()
}

func (s *Service) point(vault, arn string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	i := slices.IndexFunc(s.kept.Points, func(p *point) bool { return p.ARN == arn && p.Vault == vault })
	if i < 0 {
		return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "There is no such recovery point.")
	}
	return s.kept.Points[i].wire(), nil
}

// dynamodb serves the calls about backups that the local engine does not know.
func (s *Service) dynamodb(r *http.Request, operation string) (any, error) {
	var in struct {
		TableName, BackupName, BackupArn, BackupType string
		PointInTimeRecoverySpecification             struct {
			PointInTimeRecoveryEnabled bool
			RecoveryPeriodInDays       int
		}
	}
	if read(r, &in) != nil {
		return nil, refuse(http.StatusBadRequest, "SerializationException", "The body cannot be read.")
	}
	switch operation {
	case "ListBackups":
		return s.natives(in.TableName, in.BackupType)
	case "CreateBackup":
		p, err := s.copy(r.Context(), "", in.TableName, 0)
		if err != nil {
			return nil, err
		}
		return map[string]any{"BackupDetails": p.native()}, nil
	case "DeleteBackup":
		return map[string]any{}, s.removeNative(in.BackupArn)
	case "DescribeContinuousBackups":
		return s.recovery(in.TableName)
	case "UpdateContinuousBackups":
		s.mu.Lock()
		want := in.PointInTimeRecoverySpecification
		s.kept.Continuous[in.TableName] = &continuous{Enabled: want.PointInTimeRecoveryEnabled, Days: want.RecoveryPeriodInDays, Since: s.options.Now()}
		err := s.save()
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return s.recovery(in.TableName)
	}
	return nil, refuse(http.StatusBadRequest, "UnknownOperationException", "The stand-in does not know "+operation+".")
}

func (s *Service) removeNative(arn string) error {
	if p, ok := errors.AsType[*problem](s.remove("", arn)); ok {
		return refuse(http.StatusBadRequest, "BackupNotFoundException", p.text)
	}
	return nil
}

func (p *point) native() map[string]any {
	kind := "USER"
	if p.System {
		kind = "SYSTEM"
	}
	return map[string]any{"BackupArn": p.ARN, "BackupName": "local", "TableName": p.Table, "TableArn": tableARN(p.Table), "BackupStatus": p.Status, "BackupType": kind, "BackupCreationDateTime": seconds(p.CreatedAt), "BackupSizeBytes": p.Bytes}
}

func (s *Service) natives(table, kind string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []any{}
	for _, p := range s.kept.Points {
		if p.Vault == "" && (table == "" || p.Table == table) && (kind == "" || kind == "ALL" || p.System == (kind == "SYSTEM")) {
			all = append(all, p.native())
		}
	}
	return map[string]any{"BackupSummaries": all}, nil
}

func (s *Service) recovery(table string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	about := map[string]any{"PointInTimeRecoveryStatus": "DISABLED"}
	if c := s.kept.Continuous[table]; c != nil && c.Enabled {
		now := s.options.Now()
		earliest := now.Add(-time.Duration(c.Days) * day)
		if c.Since.After(earliest) {
			earliest = c.Since
		}
		about = map[string]any{"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": c.Days, "EarliestRestorableDateTime": seconds(earliest), "LatestRestorableDateTime": seconds(now)}
	}
	return map[string]any{"ContinuousBackupsDescription": map[string]any{"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": about}}, nil
}
