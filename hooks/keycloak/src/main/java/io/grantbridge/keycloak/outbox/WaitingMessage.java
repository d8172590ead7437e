package io.grantbridge.keycloak.outbox;

import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.MessageType;
import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.EnumType;
import jakarta.persistence.Enumerated;
import jakarta.persistence.Id;
import jakarta.persistence.Table;

/** A message that the bridge has not acknowledged: a row of {@code GRANTBRIDGE_OUTBOX}. */
@Entity
@Table(name = "GRANTBRIDGE_OUTBOX")
public class WaitingMessage {

  @Id
  @Column(name = "ID")
  private String id;

  @Column(name = "REALM_ID")
  private String realmId;

  /** Orders messages: microseconds, strictly growing on each node. */
  @Column(name = "ORDINAL")
  private long ordinal;

  @Column(name = "LANE")
  private String lane;

  @Enumerated(EnumType.STRING)
  @Column(name = "MESSAGE_TYPE")
  private MessageType type;

  @Column(name = "BODY")
  private String body;

  /** Unix milliseconds before which it is not tried. */
  @Column(name = "DUE_AT")
  private long dueAt;

  @Column(name = "TRIES")
  private int tries;

  @Column(name = "SET_ASIDE")
  private boolean setAside;

  /** Why the last try came to nothing: a problem's code. */
  @Column(name = "LAST_CODE")
  private String lastCode;

  /** For Hibernate. */
  protected WaitingMessage() {}

  WaitingMessage(String realmId, Message message, long ordinal, long dueAt) {
    this.id = message.id();
    this.realmId = realmId;
    this.ordinal = ordinal;
    this.lane = message.lane();
    this.type = message.type();
    this.body = message.body();
    this.dueAt = dueAt;
  }

  /** Returns it as it was made. */
  public Message message() {
    return new Message(id, type, lane, body);
  }

  /** Returns the realm that it came from. */
  public String realmId() {
    return realmId;
  }

  /** Returns its place in the order. */
  public long ordinal() {
    return ordinal;
  }

  /** Returns how often it was tried in vain. */
  public int tries() {
    return tries;
  }

  boolean isDue(long now) {
    return dueAt <= now;
  }

  void postpone(String code, long until) {
    tries++;
    lastCode = code;
    dueAt = until;
  }

  void putAside(String code) {
    tries++;
    lastCode = code;
    setAside = true;
  }
}
