// Command whatsmeow is a WhatsApp client that the tests in tests/peers drive. It runs unmodified whatsmeow against the
// simulated WhatsApp. It reads one JSON command per line from stdin, and writes one JSON object per line to stdout: a reply
// to each command, and the events of the client.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"sync"
)

// A command has an id, which its reply repeats, the name of an operation, and the arguments of this operation.
type command struct {
	ID   int             `json:"id"`
	Op   string          `json:"op"`
	Args json.RawMessage `json:"args"`
}

type reply struct {
	ID     int    `json:"id"`
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

type event struct {
	Event string `json:"event"`
	Data  any    `json:"data"`
}

// output writes JSON lines to stdout. Several goroutines use it.
type output struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

func newOutput() *output {
	return &output{encoder: json.NewEncoder(os.Stdout)}
}

func (out *output) write(line any) {
	out.mu.Lock()
	defer out.mu.Unlock()
	if err := out.encoder.Encode(line); err != nil {
		os.Stderr.WriteString("can't write a line: " + err.Error() + "\n")
		os.Exit(1)
	}
}

func (out *output) emit(name string, data any) {
	out.write(event{Event: name, Data: data})
}

func main() {
	ctx := context.Background()
	out := newOutput()
	settings := os.Getenv("PEER_SETTINGS")
	peer, err := newPeer(ctx, settings, out)
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	defer peer.close()
	input := bufio.NewScanner(os.Stdin)
	// A command can contain a file in base64.
	input.Buffer(make([]byte, 1024*1024), 64*1024*1024)
	for input.Scan() {
		var received command
		if err := json.Unmarshal(input.Bytes(), &received); err != nil {
			out.write(reply{ID: received.ID, Error: err.Error()})
			continue
		}
		// A send waits for the server, so a slow command must not hold back the next one.
		go func() {
			result, err := peer.run(ctx, received)
			if err != nil {
				out.write(reply{ID: received.ID, Error: err.Error()})
				return
			}
			out.write(reply{ID: received.ID, Result: result})
		}()
	}
}
