package main

import (
	"context"
	"encoding/json"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/encoding/protojson"
)

type operation func(ctx context.Context, peer *peer, encoded json.RawMessage) (any, error)

// with makes an operation of a function, whose arguments it decodes.
func with[Args any](run func(ctx context.Context, peer *peer, args Args) (any, error)) operation {
	return func(ctx context.Context, peer *peer, encoded json.RawMessage) (any, error) {
		var args Args
		if len(encoded) > 0 {
			if err := json.Unmarshal(encoded, &args); err != nil {
				return nil, err
			}
		}
		return run(ctx, peer, args)
	}
}

var operations = map[string]operation{
	"connect":     with(connect),
	"disconnect":  with(disconnect),
	"logout":      with(logout),
	"pairingCode": with(pairingCode),
	"self":        with(self),
	"presence":    with(presence),
	"send":        with(sendMessage),
	"sendFile":    with(sendFile),
	"react":       with(react),
	"edit":        with(edit),
	"revoke":      with(revoke),
	"poll":        with(poll),
	"vote":        with(vote),
	"readVote":    with(readVote),
	"download":    with(download),
	"markRead":    with(markRead),
	"typing":      with(typing),
	"createGroup": with(createGroup),
	"groupInfo":   with(groupInfo),
	"inviteInfo":  with(inviteInfo),
	"joinGroup":   with(joinGroup),
	"leaveGroup":  with(leaveGroup),
	"groups":      with(groups),
	"appState":    with(fetchAppState),
	"setAppState": with(setAppState),
	"contacts":    with(contacts),
	"onWhatsApp":  with(onWhatsApp),
	"userInfo":    with(userInfo),
	"devices":     with(devices),
	"privacy":     with(privacy),
	"blocklist":   with(blocklist),
	"about":       with(about),
	"picture":     with(picture),
}

func (peer *peer) run(ctx context.Context, received command) (any, error) {
	found, ok := operations[received.Op]
	if !ok {
		return nil, fmt.Errorf("the operation %q does not exist", received.Op)
	}
	return found(ctx, peer, received.Args)
}

type none struct{}

func connect(ctx context.Context, peer *peer, _ none) (any, error) {
	return nil, peer.client.ConnectContext(ctx)
}

func disconnect(_ context.Context, peer *peer, _ none) (any, error) {
	peer.client.Disconnect()
	return nil, nil
}

func logout(ctx context.Context, peer *peer, _ none) (any, error) {
	return nil, peer.client.Logout(ctx)
}

func pairingCode(ctx context.Context, peer *peer, args struct {
	Phone string `json:"phone"`
}) (any, error) {
	return peer.client.PairPhone(ctx, args.Phone, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
}

func self(_ context.Context, peer *peer, _ none) (any, error) {
	store := peer.client.Store
	return map[string]any{
		"jid": store.ID, "lid": store.LID, "pushName": store.PushName, "platform": store.Platform,
		"businessName": store.BusinessName, "loggedIn": peer.client.IsLoggedIn(),
	}, nil
}

func presence(ctx context.Context, peer *peer, args struct {
	State types.Presence `json:"state"`
}) (any, error) {
	return nil, peer.client.SendPresence(ctx, args.State)
}

// target names a message, as a reaction, an edit or a deletion does.
type target struct {
	Chat   types.JID       `json:"chat"`
	Sender types.JID       `json:"sender"`
	ID     types.MessageID `json:"id"`
}

func (peer *peer) send(ctx context.Context, chat types.JID, content *waE2E.Message) (any, error) {
	sent, err := peer.client.SendMessage(ctx, chat, content)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": sent.ID, "sender": sent.Sender, "timestamp": sent.Timestamp.Unix()}, nil
}

func sendMessage(ctx context.Context, peer *peer, args struct {
	To      types.JID       `json:"to"`
	Content json.RawMessage `json:"content"`
}) (any, error) {
	var content waE2E.Message
	if err := protojson.Unmarshal(args.Content, &content); err != nil {
		return nil, err
	}
	return peer.send(ctx, args.To, &content)
}

func react(ctx context.Context, peer *peer, args struct {
	target
	Emoji string `json:"emoji"`
}) (any, error) {
	return peer.send(ctx, args.Chat, peer.client.BuildReaction(args.Chat, args.Sender, args.ID, args.Emoji))
}

func edit(ctx context.Context, peer *peer, args struct {
	target
	Text string `json:"text"`
}) (any, error) {
	content := &waE2E.Message{Conversation: &args.Text}
	return peer.send(ctx, args.Chat, peer.client.BuildEdit(args.Chat, args.ID, content))
}

func revoke(ctx context.Context, peer *peer, args target) (any, error) {
	return peer.send(ctx, args.Chat, peer.client.BuildRevoke(args.Chat, args.Sender, args.ID))
}

func poll(ctx context.Context, peer *peer, args struct {
	Chat    types.JID `json:"chat"`
	Name    string    `json:"name"`
	Options []string  `json:"options"`
}) (any, error) {
	return peer.send(ctx, args.Chat, peer.client.BuildPollCreation(args.Name, args.Options, 1))
}

// received returns a message that has arrived since the start of the process.
func (peer *peer) received(id types.MessageID) (*events.Message, error) {
	peer.mu.Lock()
	defer peer.mu.Unlock()
	found, ok := peer.messages[id]
	if !ok {
		return nil, fmt.Errorf("the message %s has not arrived", id)
	}
	return found, nil
}

func vote(ctx context.Context, peer *peer, args struct {
	ID      types.MessageID `json:"id"`
	Options []string        `json:"options"`
}) (any, error) {
	found, err := peer.received(args.ID)
	if err != nil {
		return nil, err
	}
	content, err := peer.client.BuildPollVote(ctx, &found.Info, args.Options)
	if err != nil {
		return nil, err
	}
	return peer.send(ctx, found.Info.Chat, content)
}

// readVote returns the hashes of the chosen options. The vote is encrypted with the secret of the poll.
func readVote(ctx context.Context, peer *peer, args target) (any, error) {
	found, err := peer.received(args.ID)
	if err != nil {
		return nil, err
	}
	choice, err := peer.client.DecryptPollVote(ctx, found)
	if err != nil {
		return nil, err
	}
	return choice.GetSelectedOptions(), nil
}

func markRead(ctx context.Context, peer *peer, args target) (any, error) {
	found, err := peer.received(args.ID)
	if err != nil {
		return nil, err
	}
	info := found.Info
	return nil, peer.client.MarkRead(ctx, []types.MessageID{info.ID}, info.Timestamp, info.Chat, info.Sender)
}

func typing(ctx context.Context, peer *peer, args struct {
	Chat types.JID `json:"chat"`
}) (any, error) {
	return nil, peer.client.SendChatPresence(ctx, args.Chat, types.ChatPresenceComposing, types.ChatPresenceMediaText)
}

func fetchAppState(ctx context.Context, peer *peer, args struct {
	Name appstate.WAPatchName `json:"name"`
	Full bool                 `json:"full"`
}) (any, error) {
	return nil, peer.client.FetchAppState(ctx, args.Name, args.Full, false)
}
