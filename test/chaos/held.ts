import type { App } from './apps.js'
import type { Answer, Request } from './asking.js'

/** A session as its user holds it: the refresh token goes to one app in a body and to the other in a cookie. */
export interface Held {
  readonly refresh: string
  readonly access: string
}

const COOKIE = '__Host-refresh_token'

/** How a refresh token is shown to an app. */
export const present = ({ transport }: App, { refresh }: Held): Request =>
  transport === 'body' ? { body: { refresh_token: refresh } } : { cookie: `${COOKIE}=${refresh}` }

/** What an answer hands out; `before` if it hands out nothing. */
export function heldOf({ status, json, cookies }: Answer, before?: Held): Held {
  if (status !== 200) return before!
  const [cookie] = cookies.filter((text) => text.startsWith(`${COOKIE}=`))
  const refresh = cookie === undefined ? json.refresh_token : cookie.slice(COOKIE.length + 1).split(';')[0]
  return { refresh: refresh as string, access: json.access_token as string }
}
