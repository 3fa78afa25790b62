package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	_ "modernc.org/sqlite"
)

// settings tells the client where the simulated WhatsApp is. They are the lines that `npm run whatsapp` prints.
type settings struct {
	// URL of the WebSocket.
	URL string `json:"url"`
	// Public key of the root certificate, in hex.
	RootKey string `json:"rootKey"`
	// CA certificate of the media host, in PEM.
	MediaCA string `json:"mediaCa"`
	// host:port of the media host.
	MediaHost string `json:"mediaHost"`
	// File of the SQLite database that keeps keys and sessions.
	Database string `json:"database"`
}

// peer is one client, with the messages that it has received.
type peer struct {
	client    *whatsmeow.Client
	container *sqlstore.Container
	out       *output
	mu        sync.Mutex
	messages  map[types.MessageID]*events.Message
}

func newPeer(ctx context.Context, encoded string, out *output) (*peer, error) {
	var config settings
	if err := json.Unmarshal([]byte(encoded), &config); err != nil {
		return nil, fmt.Errorf("PEER_SETTINGS: %w", err)
	}
	if err := pinRootKey(config.RootKey); err != nil {
		return nil, err
	}
	db, err := openDatabase(config.Database)
	if err != nil {
		return nil, err
	}
	log := &logger{out: out}
	container := sqlstore.NewWithDB(db, "sqlite", log.Sub("Database"))
	if err := container.Upgrade(ctx); err != nil {
		return nil, err
	}
	device, err := container.GetFirstDevice(ctx)
	if err != nil {
		return nil, err
	}
	client := whatsmeow.NewClient(device, log)
	client.EmitAppStateEventsOnFullSync = true
	if err := dialSimulator(client, config); err != nil {
		return nil, err
	}
	made := &peer{client: client, container: container, out: out, messages: map[types.MessageID]*events.Message{}}
	client.AddEventHandler(made.handle)
	return made, nil
}

// pinRootKey replaces the key of WhatsApp's root certificate. whatsmeow still verifies the certificate chain.
func pinRootKey(encoded string) error {
	key, err := hex.DecodeString(encoded)
	if err != nil || len(key) != len(whatsmeow.WACertPubKey) {
		return errors.New("the root key must have 32 bytes in hex")
	}
	copy(whatsmeow.WACertPubKey[:], key)
	return nil
}

// openDatabase opens the SQLite file with one connection, because SQLite allows one writer at a time.
func openDatabase(file string) (*sql.DB, error) {
	name := (&url.URL{Scheme: "file", Path: file, RawQuery: "_pragma=foreign_keys(1)&_pragma=journal_mode(wal)"}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// toSimulator sends each request to the WebSocket of the simulator. whatsmeow always asks for wss://web.whatsapp.com.
type toSimulator struct {
	target *url.URL
}

func (transport toSimulator) RoundTrip(request *http.Request) (*http.Response, error) {
	redirected := request.Clone(request.Context())
	redirected.URL.Scheme = "http"
	redirected.URL.Host = transport.target.Host
	return http.DefaultTransport.RoundTrip(redirected)
}

func dialSimulator(client *whatsmeow.Client, config settings) error {
	target, err := url.Parse(config.URL)
	if err != nil {
		return err
	}
	sockets := &http.Client{Transport: toSimulator{target}}
	client.SetWebsocketHTTPClient(sockets)
	client.SetPreLoginHTTPClient(sockets)
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM([]byte(config.MediaCA)) {
		return errors.New("the CA of the media host is not a certificate")
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	client.SetMediaHTTPClient(&http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authorities},
		// A URL in a message can name WhatsApp's own media host. The simulator's certificate has this name, too.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "mmg.whatsapp.net:443" {
				address = config.MediaHost
			}
			return dialer.DialContext(ctx, network, address)
		},
	}})
	return nil
}

func (peer *peer) close() {
	peer.client.Disconnect()
	_ = peer.container.Close()
}
