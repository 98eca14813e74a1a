package main

import (
	"context"
	"fmt"

	"github.com/hookline/hookline/internal/config"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/vault"
)

type keysCommand struct {
	Generate keysGenerateCommand `cmd:"" help:"Print a new key, to be put before the others in HOOKLINE_ENCRYPTION_KEYS."`
	Status   keysStatusCommand   `cmd:"" help:"Say how many secrets each key still seals. A key that seals none can be removed."`
	Rotate   keysRotateCommand   `cmd:"" help:"Seal all secrets with the first key, while Hookline runs. Every process must know that key by then."`
}

type keysGenerateCommand struct{}

func (keysGenerateCommand) Run(*config.Settings) error { //nolint:unparam // what kong calls
	fmt.Println(vault.NewKeyText())
	return nil
}

type keysStatusCommand struct{}

func (keysStatusCommand) Run(settings *config.Settings) error {
	return withStore(settings, func(ctx context.Context, s *store.Store) error {
		counts, err := s.Sealed(ctx)
		for i := range counts {
			fmt.Println(counts[i].Line(false))
		}
		return err
	})
}

type keysRotateCommand struct{}

func (keysRotateCommand) Run(settings *config.Settings) error {
	return withStore(settings, func(ctx context.Context, s *store.Store) error {
		keys, err := settings.Keys()
		if err != nil {
			return fmt.Errorf("HOOKLINE_ENCRYPTION_KEYS: %w", err)
		}
		v, err := vault.New(keys)
		if err != nil {
			return fmt.Errorf("HOOKLINE_ENCRYPTION_KEYS: %w", err)
		}
		counts, err := s.Reseal(ctx, v)
		failed := 0
		for i := range counts {
			fmt.Println(counts[i].Line(true))
			for _, why := range counts[i].Failed {
				fmt.Println("  not opened:", why)
			}
			failed += len(counts[i].Failed)
		}
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d secrets could not be opened and stay as they are: add the keys that sealed them, and repeat", failed)
		}
		return err
	})
}
