// Whether the window is as a media query says, as it changes.
import { useLayoutEffect, useState } from 'preact/hooks';

/** @param query as in style sheets: `(max-width: 1100px)` */
export function useMedia(query: string): boolean {
  const [isSo, setSo] = useState(() => matchMedia(query).matches);
  useLayoutEffect(() => {
    const media = matchMedia(query);
    const tell = (): void => setSo(media.matches);
    tell();
    media.addEventListener('change', tell);
    return () => media.removeEventListener('change', tell);
  }, [query]);
  return isSo;
}
