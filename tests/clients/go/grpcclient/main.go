// A gRPC client that makes calls of every kind and prints what came of them as one JSON object.
// Arguments: the address, the prefix of the paths, the value of x-agent-id (or nothing).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	callDeadline = 30 * time.Second
	largeBytes   = 3 << 20
	streamed     = 500
)

// Messages are bytes as they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (bytesCodec) Name() string { return "proto" }

type client struct {
	conn   *grpc.ClientConn
	prefix string
	base   context.Context
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (c client) path(method string) string { return c.prefix + "/pixell.test.Calls/" + method }

func (c client) unary(ctx context.Context, method string, text []byte, options ...grpc.CallOption) ([]byte, error) {
	var answer []byte
	err := c.conn.Invoke(ctx, c.path(method), &text, &answer, options...)
	return answer, err
}

func (c client) stream(ctx context.Context, method string) grpc.ClientStream {
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := c.conn.NewStream(ctx, desc, c.path(method))
	must(err)
	return stream
}

func send(stream grpc.ClientStream, text string) {
	message := []byte(text)
	must(stream.SendMsg(&message))
}

func receive(stream grpc.ClientStream) (string, error) {
	var message []byte
	err := stream.RecvMsg(&message)
	return string(message), err
}

func (c client) echo(out map[string]any) {
	ctx := metadata.AppendToOutgoingContext(c.base, "x-ask", "this")
	var head, tail metadata.MD
	answer, err := c.unary(ctx, "Echo", []byte("hello"), grpc.Header(&head), grpc.Trailer(&tail))
	must(err)
	out["unary"] = string(answer)
	out["head"] = strings.Join(head.Get("x-head"), ",")
	out["tail"] = strings.Join(tail.Get("x-tail"), ",")
	out["tail_bin"] = fmt.Sprintf("%x", strings.Join(tail.Get("x-tail-bin"), ","))
	large, err := c.unary(c.base, "Echo", make([]byte, largeBytes))
	must(err)
	out["large"] = len(large)
}

func (c client) streams(out map[string]any) {
	upload := c.stream(c.base, "Total")
	for i := 0; i < streamed; i++ {
		send(upload, "four")
	}
	must(upload.CloseSend())
	total, err := receive(upload)
	must(err)
	out["client_stream"] = total

	counted := c.stream(c.base, "Count")
	send(counted, fmt.Sprint(streamed))
	must(counted.CloseSend())
	n := 0
	for ; ; n++ {
		if _, err := receive(counted); errors.Is(err, io.EOF) {
			break
		} else {
			must(err)
		}
	}
	out["server_stream"] = n

	talk := c.stream(c.base, "Talk")
	said := []string{}
	for _, word := range []string{"a", "b", "c"} {
		send(talk, word)
		answer, err := receive(talk)
		must(err)
		said = append(said, answer)
	}
	must(talk.CloseSend())
	_, err = receive(talk)
	out["bidi"] = strings.Join(said, ",")
	out["bidi_ends"] = errors.Is(err, io.EOF)
}

// Waits for the agent to see the end of a call.
func (c client) seen(mark string) string {
	for deadline := time.Now().Add(callDeadline); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		answer, err := c.unary(c.base, "Seen", []byte(mark))
		must(err)
		if string(answer) != "0" {
			return string(answer)
		}
	}
	return "0"
}

func (c client) ends(out map[string]any) {
	short, stop := context.WithTimeout(c.base, time.Second)
	defer stop()
	late := c.stream(short, "Wait")
	send(late, "go-deadline")
	_, err := receive(late)
	must(err)
	_, err = receive(late)
	out["deadline"] = status.Code(err).String()
	out["deadline_seen"] = c.seen("go-deadline")

	cancelled, cancel := context.WithCancel(c.base)
	left := c.stream(cancelled, "Wait")
	send(left, "go-cancel")
	_, err = receive(left)
	must(err)
	cancel()
	_, err = receive(left)
	out["cancel"] = status.Code(err).String()
	out["cancel_seen"] = c.seen("go-cancel")
}

func (c client) failure(out map[string]any) {
	info, err := status.New(codes.FailedPrecondition, "not now: ü%").WithDetails(
		&errdetails.ErrorInfo{Reason: "BECAUSE", Domain: "test"})
	must(err)
	details, err := proto.Marshal(info.Proto())
	must(err)
	ctx := metadata.AppendToOutgoingContext(c.base, "want-details-bin", string(details))
	_, err = c.unary(ctx, "Fail", nil)
	failed := status.Convert(err)
	out["failure"] = failed.Code().String() + ": " + failed.Message()
	for _, detail := range failed.Details() {
		if each, ok := detail.(*errdetails.ErrorInfo); ok {
			out["details"] = each.Reason
		}
	}
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 2*callDeadline)
	defer stop()
	if agent := os.Args[3]; agent != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-agent-id", agent)
	}
	conn, err := grpc.NewClient("passthrough:///"+os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	must(err)
	out := map[string]any{}
	c := client{conn, os.Args[2], ctx}
	c.echo(out)
	c.streams(out)
	c.ends(out)
	c.failure(out)
	must(conn.Close())
	must(json.NewEncoder(os.Stdout).Encode(out))
}
