package main

import (
	"encoding/json"
	"strings"

	"fmt"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/encoding/protojson"
)

// message is a received message. Content is WhatsApp's protobuf as JSON.
type message struct {
	ID        types.MessageID `json:"id"`
	Chat      types.JID       `json:"chat"`
	Sender    types.JID       `json:"sender"`
	SenderAlt types.JID       `json:"senderAlt"`
	FromMe    bool            `json:"fromMe"`
	PushName  string          `json:"pushName"`
	Edit      string          `json:"edit"`
	Type      string          `json:"type"`
	// Whether the message is an edit or in an envelope that whatsmeow has opened.
	IsEdit    bool            `json:"isEdit"`
	Timestamp int64           `json:"timestamp"`
	Content   json.RawMessage `json:"content"`
}

type receipt struct {
	IDs    []types.MessageID `json:"ids"`
	Chat   types.JID         `json:"chat"`
	Sender types.JID         `json:"sender"`
	FromMe bool              `json:"fromMe"`
	Type   string            `json:"type"`
}

type appStateEntry struct {
	Index  []string        `json:"index"`
	Action json.RawMessage `json:"action"`
}

type history struct {
	Type          string          `json:"type"`
	Conversations []string        `json:"conversations"`
	Content       json.RawMessage `json:"content"`
}

// handle emits an event of whatsmeow under the name of its Go type.
func (peer *peer) handle(received any) {
	name := strings.TrimPrefix(fmt.Sprintf("%T", received), "*events.")
	data, err := peer.describe(received)
	if err != nil {
		peer.out.emit("log", logLine{Level: "error", Module: "peer", Text: name + ": " + err.Error()})
		return
	}
	peer.out.emit(name, data)
}

func (peer *peer) describe(received any) (any, error) {
	switch evt := received.(type) {
	case *events.Message:
		peer.mu.Lock()
		peer.messages[evt.Info.ID] = evt
		peer.mu.Unlock()
		content, err := protojson.Marshal(evt.Message)
		return message{
			ID: evt.Info.ID, Chat: evt.Info.Chat, Sender: evt.Info.Sender, SenderAlt: evt.Info.SenderAlt,
			FromMe: evt.Info.IsFromMe, PushName: evt.Info.PushName, Edit: string(evt.Info.Edit), Type: evt.Info.Type,
			IsEdit: evt.IsEdit, Timestamp: evt.Info.Timestamp.Unix(), Content: content,
		}, err
	case *events.Receipt:
		return receipt{
			IDs: evt.MessageIDs, Chat: evt.Chat, Sender: evt.Sender, FromMe: evt.IsFromMe, Type: evt.Type.GoString(),
		}, nil
	case *events.AppState:
		action, err := protojson.Marshal(evt.SyncActionValue)
		return appStateEntry{Index: evt.Index, Action: action}, err
	case *events.HistorySync:
		content, err := protojson.Marshal(evt.Data)
		found := history{Type: evt.Data.GetSyncType().String(), Conversations: []string{}, Content: content}
		for _, conversation := range evt.Data.GetConversations() {
			found.Conversations = append(found.Conversations, conversation.GetID())
		}
		return found, err
	case *events.PairError:
		return evt.Error.Error(), nil
	}
	return received, nil
}
