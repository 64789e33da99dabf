package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// asProgram makes this test binary behave as the engines program.
const asProgram = "ENGINES_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is one running engines program.
type process struct {
	endpoints
	cmd   *exec.Cmd
	stdin io.Closer
	said  *bytes.Buffer // standard error; read after the end
	rest  chan string   // standard output after the first line
}

// dynoxide is the DynamoDB engine, or the test is skipped.
func dynoxide(t *testing.T) string {
	t.Helper()
	path := os.Getenv("DYNOXIDE_BIN")
	if path == "" {
		platform := runtime.GOOS + "-" + strings.ReplaceAll(runtime.GOARCH, "amd64", "x64")
		path = filepath.Join("..", "node_modules", "@dynoxide", platform, "dynoxide")
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s: the DynamoDB engine is not there (npm ci --prefix infra/local fetches it)", t.Name())
	}
	return path
}

// launch starts the program without waiting for its addresses.
func launch(t *testing.T, args ...string) (*process, *bufio.Reader) {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...), said: &bytes.Buffer{}, rest: make(chan string, 1)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = p.said
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // or the test's folder would be removed under a DynamoDB engine that is still closing its database
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if at := slices.Index(args, "-data"); at >= 0 {
			awaitChild(t, args[at+1])
		}
	})
	return p, bufio.NewReader(out)
}

// awaitChild waits until no DynamoDB engine holds the database of a data folder.
func awaitChild(t *testing.T, data string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(data, "dynamo.lock"), os.O_RDWR, 0)
	if err != nil {
		return // none was started there
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Error(err)
	}
}

// up starts the program and waits until all engines answer.
func up(t *testing.T, args ...string) *process {
	t.Helper()
	p, out := launch(t, args...)
	line, err := out.ReadBytes('\n')
	if err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("the engines do not start: %s", p.said)
	}
	if err := json.Unmarshal(line, &p.endpoints); err != nil {
		t.Fatalf("the first line is %q", line)
	}
	go func() {
		b, _ := io.ReadAll(out)
		p.rest <- string(b)
	}()
	return p
}

// end waits for the program and returns its exit status and its last line of standard error.
func (p *process) end(t *testing.T) (status int, last string) {
	t.Helper()
	if rest := <-p.rest; rest != "" {
		t.Errorf("more than one line on standard output: %q", rest)
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(p.said.String()), "\n")
	return p.cmd.ProcessState.ExitCode(), lines[len(lines)-1]
}

// refusal starts a program that must not come up.
func refusal(t *testing.T, args ...string) (status int, last string) {
	t.Helper()
	p, out := launch(t, args...)
	b, err := io.ReadAll(out)
	if err != nil || len(b) != 0 {
		t.Errorf("it came up: %q, %v", b, err)
	}
	p.rest <- ""
	return p.end(t)
}

// child is the process of the DynamoDB engine, as a file handle that stays with that very process.
func (p *process) child(t *testing.T) *os.Process {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.PID))
	if err != nil || len(lists) == 0 {
		t.Skipf("%s: this system does not list the children of a process", t.Name())
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			child, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			return child
		}
	}
	t.Fatal("the engines have no child")
	return nil
}

// closed fails the test if anything still accepts connections at an endpoint.
func closed(t *testing.T, endpoints ...string) {
	t.Helper()
	for _, e := range endpoints {
		if c, err := net.Dial("tcp", strings.TrimPrefix(e, "http://")); err == nil {
			_ = c.Close()
			t.Errorf("%s still answers", e)
		}
	}
}

func (p *process) config() aws.Config {
	return aws.Config{Region: "eu-west-1", RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: p.AccessKey, SecretAccessKey: p.SecretKey}, nil
	})}
}

func (p *process) dynamo() *dynamodb.Client {
	return dynamodb.NewFromConfig(p.config(), func(o *dynamodb.Options) { o.BaseEndpoint = &p.DynamoDB })
}

func (p *process) s3() *s3.Client {
	return s3.NewFromConfig(p.config(), func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &p.S3, true })
}

func (p *process) kms() *kms.Client {
	return kms.NewFromConfig(p.config(), func(o *kms.Options) { o.BaseEndpoint = &p.KMS })
}

// setUp makes a table, a versioned bucket and a key; it returns the key's ARN.
func (p *process) setUp(t *testing.T) string {
	t.Helper()
	ctx, name := t.Context(), aws.String("things")
	_, err := p.dynamo().CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: name, BillingMode: ddb.BillingModePayPerRequest,
		AttributeDefinitions: []ddb.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddb.ScalarAttributeTypeS}},
		KeySchema:            []ddb.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddb.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.s3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	_, err = p.s3().PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.kms().CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *key.KeyMetadata.Arn
}

// write stores one value in each engine and returns the sealed form of it and the version of the object.
func (p *process) write(ctx context.Context, arn, value string) (blob []byte, version string, err error) {
	sealed, err := p.kms().Encrypt(ctx, &kms.EncryptInput{KeyId: &arn, Plaintext: []byte(value)})
	if err != nil {
		return nil, "", err
	}
	_, err = p.dynamo().PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("things"), Item: map[string]ddb.AttributeValue{
		"pk": &ddb.AttributeValueMemberS{Value: value}, "sealed": &ddb.AttributeValueMemberB{Value: sealed.CiphertextBlob},
	}})
	if err != nil {
		return nil, "", err
	}
	put, err := p.s3().PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("things"), Key: &value, Body: strings.NewReader(value), Metadata: map[string]string{"value": value},
	})
	if err != nil {
		return nil, "", err
	}
	return sealed.CiphertextBlob, aws.ToString(put.VersionId), nil
}

// holds checks that all three engines have a value.
func (p *process) holds(t *testing.T, value, version string) {
	t.Helper()
	ctx := t.Context()
	item, err := p.dynamo().GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("things"), Key: map[string]ddb.AttributeValue{"pk": &ddb.AttributeValueMemberS{Value: value}}})
	if err != nil {
		t.Fatal(err)
	}
	sealed, ok := item.Item["sealed"].(*ddb.AttributeValueMemberB)
	if !ok {
		t.Fatalf("item %s is lost", value)
	}
	plain, err := p.kms().Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.Value})
	if err != nil || string(plain.Plaintext) != value {
		t.Fatalf("decrypt %s: %v", value, err)
	}
	object, err := p.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("things"), Key: &value, VersionId: &version})
	if err != nil {
		t.Fatalf("object %s: %v", value, err)
	}
	defer object.Body.Close()
	body, err := io.ReadAll(object.Body)
	if err != nil || string(body) != value || object.Metadata["value"] != value {
		t.Fatalf("object %s is %q with %v, %v", value, body, object.Metadata, err)
	}
}

// What was acknowledged before kill -9, with writers running, is there in the next run; and so it is after a clean stop.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	args := []string{"-data", t.TempDir(), "-dynoxide", dynoxide(t)}
	p := up(t, args...)
	arn := p.setUp(t)
	type written struct{ value, version string }
	done := make(chan []written)
	enough := make(chan struct{}, 64)
	for w := range 4 {
		go func() {
			var list []written
			for i := 0; ; i++ {
				value := fmt.Sprintf("w%d-%d", w, i)
				_, version, err := p.write(context.WithoutCancel(t.Context()), arn, value)
				if err != nil {
					break
				}
				list = append(list, written{value, version})
				select {
				case enough <- struct{}{}:
				default:
				}
			}
			done <- list
		}()
	}
	for range 24 {
		<-enough
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	var all []written
	for range 4 {
		all = append(all, <-done...)
	}
	first := *p
	p = up(t, args...)
	if p.AccessKey != first.AccessKey || p.SecretKey != first.SecretKey {
		t.Error("the credentials are others")
	}
	for _, w := range all {
		p.holds(t, w.value, w.version)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status, last := p.end(t); status != 0 {
		t.Errorf("after SIGTERM: status %d, %s", status, last)
	}
	p = up(t, args...)
	for _, w := range all {
		p.holds(t, w.value, w.version)
	}
}

// A data folder whose metadata is beside the files, as on file systems without extended attributes, keeps it there:
// versions and metadata come back in the next run.
func TestMetadataBesideTheFiles(t *testing.T) {
	dir := t.TempDir()
	beside := filepath.Join(dir, "metadata-s3")
	if err := os.Mkdir(beside, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"-data", dir, "-dynoxide", dynoxide(t)}
	p := up(t, args...)
	_, version, err := p.write(t.Context(), p.setUp(t), "one")
	if err != nil {
		t.Fatal(err)
	}
	name, value := aws.String("things"), aws.String("one")
	if _, err := p.s3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: name, Key: value, Body: strings.NewReader("later")}); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadDir(beside); err != nil || len(kept) == 0 {
		t.Errorf("no metadata is beside the files: %v", err)
	}
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if status, last := p.end(t); status != 0 {
		t.Errorf("status %d, %s", status, last)
	}
	up(t, args...).holds(t, "one", version)
}

// The engines stop, cleanly and with their child, on a signal and when their parent is gone.
func TestStops(t *testing.T) {
	for name, stop := range map[string]func(*process) error{
		"SIGTERM":      func(p *process) error { return p.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":       func(p *process) error { return p.cmd.Process.Signal(syscall.SIGINT) },
		"end of input": func(p *process) error { return p.stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := up(t, "-data", dir, "-dynoxide", dynoxide(t))
			p.setUp(t) // leaves connections open
			child := p.child(t)
			if err := stop(p); err != nil {
				t.Fatal(err)
			}
			if status, last := p.end(t); status != 0 {
				t.Errorf("status %d, %s", status, last)
			}
			closed(t, p.DynamoDB, p.S3, p.KMS)
			if err := child.Signal(syscall.Signal(0)); err == nil {
				t.Error("the DynamoDB engine is still running")
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "dynamo.db-*")); len(left) != 0 {
				t.Errorf("the database was not closed: %v", left)
			}
		})
	}
}

// kill -9 of the engines ends the DynamoDB engine too: its lock is free and its port is closed.
func TestChildDiesWithParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skipf("%s: only Linux ties a child to its parent", t.Name())
	}
	dir := t.TempDir()
	p := up(t, "-data", dir, "-dynoxide", dynoxide(t))
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	if _, err := os.Stat(filepath.Join(dir, "dynamo.lock")); err != nil {
		t.Fatal(err)
	}
	awaitChild(t, dir)
	closed(t, p.DynamoDB, p.S3, p.KMS)
}

// Without its DynamoDB engine the program ends and says why.
func TestEndsWithItsChild(t *testing.T) {
	p := up(t, "-data", t.TempDir(), "-memory", "-dynoxide", dynoxide(t))
	if err := p.child(t).Kill(); err != nil {
		t.Fatal(err)
	}
	status, last := p.end(t)
	if want := "engines: the DynamoDB engine ended by itself (signal: killed)"; status != 1 || last != want {
		t.Errorf("status %d, %q; want 1, %q", status, last, want)
	}
	closed(t, p.S3, p.KMS)
}

// What cannot start says so in one sentence, on standard error, and prints no addresses.
func TestRefusals(t *testing.T) {
	engine, busy := dynoxide(t), t.TempDir()
	up(t, "-data", busy, "-memory", "-dynoxide", engine)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"two on one folder": {[]string{"-data", busy, "-memory", "-dynoxide", engine}, "engines: the data folder " + busy + " is in use by another run; stop that one first"},
		"no folder":         {[]string{"-dynoxide", engine}, "engines: -data must name a folder"},
		"no engine":         {[]string{"-data", t.TempDir()}, "engines: -dynoxide must name the DynamoDB engine, or -dynamodb-endpoint one that runs already"},
		"half a credential": {[]string{"-data", t.TempDir(), "-access", "a", "-dynoxide", engine}, "engines: -access and -secret go together"},
		"a bad endpoint":    {[]string{"-data", t.TempDir(), "-dynamodb-endpoint", "localhost:8000"}, `engines: the DynamoDB endpoint "localhost:8000" is not an http or https address`},
		"DynamoDB's port":   {[]string{"-data", t.TempDir(), "-dynamodb-port", port, "-dynoxide", engine}, "engines: the DynamoDB engine does not start: listen tcp 127.0.0.1:" + port + ": bind: address already in use"},
		"S3's port":         {[]string{"-data", t.TempDir(), "-s3-port", port, "-dynoxide", engine}, "engines: the S3 engine does not start: listen tcp 127.0.0.1:" + port + ": bind: address already in use"},
		"the keys' port":    {[]string{"-data", t.TempDir(), "-kms-port", port, "-dynoxide", engine}, "engines: the key service does not start: listen tcp 127.0.0.1:" + port + ": bind: address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, last := refusal(t, c.args...); status != 1 || last != c.want {
				t.Errorf("status %d, %q; want 1, %q", status, last, c.want)
			}
		})
	}
	status, last := refusal(t, "-data", t.TempDir(), "-dynoxide", filepath.Join(busy, "absent"))
	if status != 1 || !strings.HasPrefix(last, "engines: the DynamoDB engine does not start: ") {
		t.Errorf("status %d, %q", status, last)
	}
}

// A DynamoDB endpoint, credentials and ports that are given are used as they are, and no DynamoDB engine is started.
func TestGivenAddresses(t *testing.T) {
	own := httptest.NewServer(http.NotFoundHandler())
	defer own.Close()
	address, err := free(0)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	p := up(t, "-data", t.TempDir(), "-dynamodb-endpoint", own.URL, "-kms-port", port, "-access", "me", "-secret", "mine")
	if p.DynamoDB != own.URL || p.KMS != "http://"+address || p.AccessKey != "me" || p.SecretKey != "mine" || p.PID != p.cmd.Process.Pid {
		t.Errorf("addresses: %+v", p.endpoints)
	}
	if _, err := p.s3().ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Error(err)
	}
	p.SecretKey = "another"
	if _, err := p.s3().ListBuckets(t.Context(), &s3.ListBucketsInput{}); err == nil {
		t.Error("a wrong secret is accepted")
	}
}
