package main

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

type group struct {
	JID types.JID `json:"jid"`
}

func createGroup(ctx context.Context, peer *peer, args struct {
	Name    string      `json:"name"`
	Members []types.JID `json:"members"`
}) (any, error) {
	return peer.client.CreateGroup(ctx, whatsmeow.ReqCreateGroup{Name: args.Name, Participants: args.Members})
}

func groupInfo(ctx context.Context, peer *peer, args group) (any, error) {
	return peer.client.GetGroupInfo(ctx, args.JID)
}

type invite struct {
	Code string `json:"code"`
}

func inviteInfo(ctx context.Context, peer *peer, args invite) (any, error) {
	return peer.client.GetGroupInfoFromLink(ctx, args.Code)
}

func joinGroup(ctx context.Context, peer *peer, args invite) (any, error) {
	return peer.client.JoinGroupWithLink(ctx, args.Code)
}

func leaveGroup(ctx context.Context, peer *peer, args group) (any, error) {
	return nil, peer.client.LeaveGroup(ctx, args.JID)
}

func groups(ctx context.Context, peer *peer, _ none) (any, error) {
	return peer.client.GetJoinedGroups(ctx)
}

// setAppState changes the app state of the account: the client encrypts a patch and computes its MACs.
func setAppState(ctx context.Context, peer *peer, args struct {
	Action string    `json:"action"`
	Chat   types.JID `json:"chat"`
	Label  string    `json:"label"`
	Name   string    `json:"name"`
	On     bool      `json:"on"`
}) (any, error) {
	var patch appstate.PatchInfo
	switch args.Action {
	case "archive":
		patch = appstate.BuildArchive(args.Chat, args.On, time.Time{}, nil)
	case "mute":
		patch = appstate.BuildMute(args.Chat, args.On, time.Hour)
	case "pin":
		patch = appstate.BuildPin(args.Chat, args.On)
	case "label":
		patch = appstate.BuildLabelEdit(args.Label, args.Name, 1, false)
	case "labelChat":
		patch = appstate.BuildLabelChat(args.Chat, args.Label, args.On)
	case "pushName":
		patch = appstate.BuildSettingPushName(args.Name)
	default:
		return nil, fmt.Errorf("the action %q does not exist", args.Action)
	}
	return nil, peer.client.SendAppState(ctx, patch)
}

func contacts(ctx context.Context, peer *peer, _ none) (any, error) {
	found, err := peer.client.Store.Contacts.GetAllContacts(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]types.ContactInfo{}
	for jid, contact := range found {
		names[jid.String()] = contact
	}
	return names, nil
}

func onWhatsApp(ctx context.Context, peer *peer, args struct {
	Phones []string `json:"phones"`
}) (any, error) {
	return peer.client.IsOnWhatsApp(ctx, args.Phones)
}

type accounts struct {
	JIDs []types.JID `json:"jids"`
}

func userInfo(ctx context.Context, peer *peer, args accounts) (any, error) {
	found, err := peer.client.GetUserInfo(ctx, args.JIDs)
	if err != nil {
		return nil, err
	}
	infos := map[string]types.UserInfo{}
	for jid, info := range found {
		infos[jid.String()] = info
	}
	return infos, nil
}

func devices(ctx context.Context, peer *peer, args accounts) (any, error) {
	return peer.client.GetUserDevices(ctx, args.JIDs)
}

func privacy(ctx context.Context, peer *peer, _ none) (any, error) {
	return peer.client.TryFetchPrivacySettings(ctx, true)
}

func blocklist(ctx context.Context, peer *peer, args struct {
	JID    types.JID                    `json:"jid"`
	Action events.BlocklistChangeAction `json:"action"`
}) (any, error) {
	if args.Action == "" {
		return peer.client.GetBlocklist(ctx)
	}
	return peer.client.UpdateBlocklist(ctx, args.JID, args.Action)
}

func about(ctx context.Context, peer *peer, args struct {
	Text string `json:"text"`
}) (any, error) {
	return nil, peer.client.SetStatusMessage(ctx, types.SetStatusInput{Text: &args.Text})
}

func picture(ctx context.Context, peer *peer, args group) (any, error) {
	return peer.client.GetProfilePictureInfo(ctx, args.JID, &whatsmeow.GetProfilePictureParams{})
}
