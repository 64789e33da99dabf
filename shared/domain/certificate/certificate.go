// Package certificate is the signed proof that an organisation's data was deleted: a document, what is signed of it, and
// the check of both by anybody who has the public key, without the platform.
//
// A certificate names nobody. Who has its secret can tell whose it is, see Pseudonym.
package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
)

// Format is the name of the document's format.
const Format = "passportcraft-deletion-certificate/1"

// separator keeps what is signed here apart from everything else that the key signs.
const separator = "passportcraft deletion certificate 1\n"

// Document is a certificate. All instants are UTC; its text form is canonical, see Marshal.
type Document struct {
	Format string `json:"format"`
	ID     string `json:"id"`
	Tenant string `json:"tenant"` // a pseudonym

	Policy   Policy `json:"policy"`
	Law      string `json:"lawVersion"`
	Template string `json:"templateHash"` // "sha-256:<hex>" of the template of the installation that deleted

	NoticedAt        time.Time  `json:"noticedAt"`
	T0               time.Time  `json:"t0"`
	Expedited        *Expedited `json:"expedited,omitempty"`
	NotBefore        time.Time  `json:"notBefore"` // the window was open until then
	SealedAt         time.Time  `json:"sealedAt"`
	DrainUntil       time.Time  `json:"drainUntil"`
	PlanHash         string     `json:"planHash"`
	DeletingAt       time.Time  `json:"deletingAt"`
	FirstDestructive time.Time  `json:"firstDestructive,omitzero"` // zero: there was nothing
	LastDestructive  time.Time  `json:"lastDestructive,omitzero"`
	FirstVerified    time.Time  `json:"firstVerified"`
	SecondVerified   time.Time  `json:"secondVerified"`
	ActiveClearAt    time.Time  `json:"activeClearAt"`
	ActiveBy         time.Time  `json:"activeBy"`
	KeysDestroyedAt  time.Time  `json:"keysDestroyedAt"`
	OldestBackup     time.Time  `json:"oldestBackup,omitzero"` // at issue; zero: there was none
	ResidualClearAt  time.Time  `json:"residualClearAt"`
	ResidualBy       time.Time  `json:"residualBy"`
	LastVerified     time.Time  `json:"lastVerified"` // the count right before issue began then
	IssuedAt         time.Time  `json:"issuedAt"`

	Stores     []Store     `json:"stores"`
	Journal    string      `json:"journalEvidence"` // digest over what was deleted
	Log        *Log        `json:"log,omitempty"`
	Passports  Passports   `json:"passports"`
	Holds      []Hold      `json:"holds"`
	Exceptions []Exception `json:"exceptions"`
	History    []Event     `json:"history"`
}

// Policy is the durations that counted, in seconds.
type Policy struct {
	Version  string `json:"version"`
	Window   int64  `json:"window"`
	Drain    int64  `json:"drain"`
	Between  int64  `json:"between"`
	Active   int64  `json:"active"`
	Residual int64  `json:"residual"`
	Backup   int64  `json:"backup"`
	Keys     int64  `json:"keys"`
}

// Expedited says that two owners wanted an earlier end, and proves it of the second.
type Expedited struct {
	AskedAt     time.Time `json:"askedAt"`
	ConfirmedAt time.Time `json:"confirmedAt"`
	Log         *Log      `json:"log,omitempty"`
}

// Store is one store: what it held, what was deleted, what is left.
type Store struct {
	Name    string    `json:"name"`
	Before  int64     `json:"before"`  // counted for the plan
	Deleted int64     `json:"deleted"` // more where something was found later, less where a page was repeated
	After   int64     `json:"after"`   // counted last
	Digest  string    `json:"digest,omitempty"`
	DoneAt  time.Time `json:"doneAt"`
	Receipt *Receipt  `json:"receipt,omitempty"`
}

// Log is the proof that the end of the contract, or the consent to an early end, stood in the organisation's audit log when
// a checkpoint was signed: who has kept the log can tell that the leaf is that entry.
type Log struct {
	SignedAt time.Time `json:"signedAt"` // of the checkpoint
	auditlog.Proof
}

// LogOf reads a proof that was kept as JSON; nil for none. Its signature is not looked at: whoever reads the certificate
// does that, see Verify.
func LogOf(kept string) (*Log, error) {
	if kept == "" {
		return nil, nil
	}
	var l Log
	if err := json.Unmarshal([]byte(kept), &l.Proof); err != nil {
		return nil, fmt.Errorf("certificate: proof from the audit log: %w", err)
	}
	t, err := auditlog.ReadCheckpoint(l.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("certificate: checkpoint of a proof from the audit log: %w", err)
	}
	l.SignedAt = t.At
	return &l, nil
}

// Receipt is what a sub-processor or a storage said.
type Receipt struct {
	Provider string    `json:"provider"`
	Method   string    `json:"method"`
	Request  string    `json:"request,omitempty"`
	At       time.Time `json:"at"`
}

// Passports is what became of the passports.
type Passports struct {
	Count  int64   `json:"count"`
	Digest string  `json:"digest"`
	Kept   []Kept  `json:"kept"`
	Listed []Place `json:"listed"`
	More   int64   `json:"more,omitempty"` // kept, and not listed one by one
}

// Kept counts passports of which something stays.
type Kept struct {
	Kind  string    `json:"kind"`
	Group string    `json:"group"`
	Count int       `json:"count"`
	Until time.Time `json:"until,omitzero"` // the latest of them
}

// Place is one passport of which something stays, and why.
type Place struct {
	Passport string    `json:"passport"`
	Kind     string    `json:"kind"`
	Until    time.Time `json:"until,omitzero"`
	Act      string    `json:"act,omitempty"`
	Article  string    `json:"article,omitempty"`
}

// Hold is a legal hold that stood against the deletion.
type Hold struct {
	Scope      string    `json:"scope"`
	Act        string    `json:"act"`
	Article    string    `json:"article"`
	ApprovedAt time.Time `json:"approvedAt"`
	ReleasedAt time.Time `json:"releasedAt"`
}

// Exception is what is kept although the organisation is gone.
type Exception struct {
	What    string    `json:"what"`
	Act     string    `json:"act"`
	Article string    `json:"article"`
	Why     string    `json:"why"`
	Until   time.Time `json:"until,omitzero"`
}

// Event is one step of the history.
type Event struct {
	Event string    `json:"event"`
	At    time.Time `json:"at"`
}

// Pseudonym names an organisation in its certificate: who has the secret and the identifier can compute it, and nobody
// else can tell whose it is.
func Pseudonym(tenant, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("passportcraft tenant\n" + tenant))
	return "hmac-sha-256:" + hex.EncodeToString(mac.Sum(nil))
}

// Marshal is the canonical text form of a document: members in the order of their names, no space, text as it is.
func (d Document) Marshal() ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return canonical(b)
}

// canonical brings JSON into the form that is signed (RFC 8785 for texts and whole numbers, which is all there is).
func canonical(b []byte) ([]byte, error) {
	in := json.NewDecoder(bytes.NewReader(b))
	in.UseNumber()
	var v any
	if err := in.Decode(&v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // sorts members by name
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Message is what is signed of a document.
func Message(document []byte) []byte { return append([]byte(separator), document...) }

// file is a certificate as it is handed out.
type file struct {
	Certificate json.RawMessage `json:"certificate"`
	Signature   []byte          `json:"signature"`
}

// Pack makes the file that is handed out, of a document as it was signed and its signature.
func Pack(document, signature []byte) ([]byte, error) {
	return json.Marshal(file{document, signature})
}

// MaxFile is the largest file that Open reads, in bytes.
const MaxFile = 4 << 20

// Open takes a file apart. White space in it does not matter; anything beside document and signature does.
func Open(b []byte) (document, signature []byte, err error) {
	if len(b) > MaxFile {
		return nil, nil, fmt.Errorf("it is larger than %d bytes", MaxFile)
	}
	var f file
	if err := strict(b, &f); err != nil {
		return nil, nil, err
	}
	document, err = canonical(f.Certificate)
	return document, f.Signature, err
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// Verify checks that a document was signed with a key of the curve P-256, and reads it. A document that is good may still
// say that a promise was broken: see Violations.
func Verify(document, signature []byte, key *ecdsa.PublicKey) (Document, error) {
	if key.Curve != elliptic.P256() {
		return Document{}, errors.New("the public key is not one of the curve P-256")
	}
	sum := sha256.Sum256(Message(document))
	if !ecdsa.VerifyASN1(key, sum[:], signature) {
		return Document{}, errors.New("it is not the platform's signature of this document")
	}
	var d Document
	if err := strict(document, &d); err != nil {
		return Document{}, fmt.Errorf("it cannot be read: %w", err)
	}
	if d.Format != Format {
		return Document{}, fmt.Errorf("its format is %q, not %q", d.Format, Format)
	}
	again, err := d.Marshal()
	if err != nil || !bytes.Equal(again, document) {
		return Document{}, errors.New("it is not written as a certificate is written")
	}
	if err := d.logs(key); err != nil {
		return Document{}, fmt.Errorf("its proof from the audit log is wrong: %w", err)
	}
	return d, nil
}

// logs holds the proofs from the audit log against the key that signed their checkpoints, which is the certificate's. The
// consent to an early end comes after the end of the contract, in the same log.
func (d Document) logs(key *ecdsa.PublicKey) error {
	end, err := d.Log.check(key)
	if err != nil || d.Expedited == nil || d.Expedited.Log == nil {
		return err
	}
	consent, err := d.Expedited.Log.check(key)
	switch {
	case err != nil:
		return err
	case d.Log == nil || consent.Origin != end.Origin || d.Expedited.Log.Index <= d.Log.Index:
		return errors.New("the consent to an early end does not follow the end of the contract")
	default:
		return nil
	}
}

// check computes one proof, and returns what its checkpoint says.
func (l *Log) check(key *ecdsa.PublicKey) (auditlog.Tree, error) {
	if l == nil {
		return auditlog.Tree{}, nil
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return auditlog.Tree{}, err
	}
	v, err := auditlog.NewVerifier(spki)
	if err != nil {
		return auditlog.Tree{}, err
	}
	t, err := l.Check(v)
	if err == nil && !t.At.Equal(l.SignedAt) {
		err = fmt.Errorf("the checkpoint was signed at %s", t.At)
	}
	return t, err
}
