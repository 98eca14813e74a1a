import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { CopyIcon, DoneIcon } from './icons';

interface CopyButtonProps {
  readonly text: string;
  /** What is copied: the button's name to screen readers, and its tooltip. */
  readonly label: string;
  /** With its label as text beside the icon. */
  readonly labelled?: boolean;
}

/** Copies a text to the clipboard and says so for a moment. */
export function CopyButton({ text, label, labelled = false }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) {
      return undefined;
    }
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);

  const copy = async () => setCopied(await copyText(text));
  const icon = copied ? <DoneIcon /> : <CopyIcon />;
  if (labelled) {
    return (
      <Button variant="default" size="compact-sm" leftSection={icon} onClick={copy}>
        {copied ? 'Copied' : label}
      </Button>
    );
  }
  return (
    <Tooltip label={copied ? 'Copied' : label}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={copied ? 'Copied' : label} onClick={copy}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers keep the clipboard from pages on plain http, as in a private network: the old way works there.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    return copied;
  }
}
