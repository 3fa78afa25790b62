package main

import (
	"context"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

type file struct {
	To   types.JID `json:"to"`
	Kind string    `json:"kind"`
	// In base64.
	Data     []byte `json:"data"`
	Mimetype string `json:"mimetype"`
	Name     string `json:"name"`
	Caption  string `json:"caption"`
}

// sendFile encrypts a file, uploads it to the media host and sends the message that refers to it.
func sendFile(ctx context.Context, peer *peer, args file) (any, error) {
	kinds := map[string]whatsmeow.MediaType{
		"image": whatsmeow.MediaImage, "document": whatsmeow.MediaDocument,
		"audio": whatsmeow.MediaAudio, "video": whatsmeow.MediaVideo,
	}
	kind, ok := kinds[args.Kind]
	if !ok {
		return nil, fmt.Errorf("the kind %q does not exist", args.Kind)
	}
	stored, err := peer.client.Upload(ctx, args.Data, kind)
	if err != nil {
		return nil, err
	}
	return peer.send(ctx, args.To, fileMessage(args, stored))
}

func fileMessage(args file, stored whatsmeow.UploadResponse) *waE2E.Message {
	size, mimetype := proto.Uint64(stored.FileLength), proto.String(args.Mimetype)
	var caption *string
	if args.Caption != "" {
		caption = proto.String(args.Caption)
	}
	switch args.Kind {
	case "image":
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			URL: &stored.URL, DirectPath: &stored.DirectPath, MediaKey: stored.MediaKey, FileEncSHA256: stored.FileEncSHA256,
			FileSHA256: stored.FileSHA256, FileLength: size, Mimetype: mimetype, Caption: caption,
		}}
	case "video":
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
			URL: &stored.URL, DirectPath: &stored.DirectPath, MediaKey: stored.MediaKey, FileEncSHA256: stored.FileEncSHA256,
			FileSHA256: stored.FileSHA256, FileLength: size, Mimetype: mimetype, Caption: caption,
		}}
	case "audio":
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			URL: &stored.URL, DirectPath: &stored.DirectPath, MediaKey: stored.MediaKey, FileEncSHA256: stored.FileEncSHA256,
			FileSHA256: stored.FileSHA256, FileLength: size, Mimetype: mimetype, PTT: proto.Bool(strings.Contains(args.Mimetype, "ogg")),
		}}
	default:
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			URL: &stored.URL, DirectPath: &stored.DirectPath, MediaKey: stored.MediaKey, FileEncSHA256: stored.FileEncSHA256,
			FileSHA256: stored.FileSHA256, FileLength: size, Mimetype: mimetype, Caption: caption, FileName: &args.Name,
		}}
	}
}

// download returns the file of a received message. whatsmeow checks the MAC, both hashes and the length.
func download(ctx context.Context, peer *peer, args target) (any, error) {
	found, err := peer.received(args.ID)
	if err != nil {
		return nil, err
	}
	return peer.client.DownloadAny(ctx, found.Message)
}
